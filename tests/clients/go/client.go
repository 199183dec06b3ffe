// A client of grpc-go: client ADDRESS METHOD CALLS. Each line of standard input is a message in hex; it is sent CALLS
// times at once on one connection, and each answer is a line: the message in hex, or `error`, the code and the text.
//
// The messages stay bytes here, so no generated code is needed.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

func call(connection *grpc.ClientConn, method string, message []byte, options []grpc.CallOption) string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var answer []byte
	if err := connection.Invoke(ctx, method, &message, &answer, options...); err != nil {
		s, _ := status.FromError(err)
		return fmt.Sprintf("error %d %s", s.Code(), s.Message())
	}
	return hex.EncodeToString(answer)
}

func main() {
	calls, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	connection, err := grpc.Dial(os.Args[1], grpc.WithInsecure(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, PermitWithoutStream: true}))
	if err != nil {
		panic(err)
	}
	defer connection.Close()
	options := []grpc.CallOption{grpc.ForceCodec(raw{})}
	if len(os.Args) > 4 {
		options = append(options, grpc.UseCompressor(os.Args[4]))
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		message, err := hex.DecodeString(lines.Text())
		if err != nil {
			panic(err)
		}
		answers := make([]string, calls)
		var all sync.WaitGroup
		for i := range answers {
			all.Add(1)
			go func(i int) {
				defer all.Done()
				answers[i] = call(connection, os.Args[2], message, options)
			}(i)
		}
		all.Wait()
		for _, answer := range answers {
			fmt.Println(answer)
		}
	}
}
