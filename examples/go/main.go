// The library from Go, by cgo. Build: go build, with sluice.pc where pkg-config looks.
package main

/*
#cgo pkg-config: sluice
#include <sluice.h>
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"
)

// Limiter has one bucket a key. Any number of goroutines may use it.
type Limiter struct{ handle *C.sluice_limiter }

// Decision is the answer to "may this go now?".
type Decision struct {
	Allowed    bool
	Remaining  int64
	RetryAfter time.Duration // The largest there is: it can never pass.
}

func parse(text string) (quota C.sluice_quota, err error) {
	var failure C.sluice_error
	c := C.CString(text)
	defer C.free(unsafe.Pointer(c))
	if C.sluice_quota_parse(c, &quota, &failure) != C.SLUICE_OK {
		err = errors.New(C.GoString(&failure.message[0]))
	}
	return
}

// NewLimiter wants one quota or several, all of which must pass.
func NewLimiter(quotas ...string) (*Limiter, error) {
	parsed := make([]C.sluice_quota, len(quotas))
	for i, text := range quotas {
		var err error
		if parsed[i], err = parse(text); err != nil {
			return nil, err
		}
	}
	if len(parsed) == 0 {
		return nil, errors.New("a limiter has at least one quota")
	}
	limiter := &Limiter{}
	var failure C.sluice_error
	if C.sluice_limiter_new(&parsed[0], C.size_t(len(parsed)), nil, &limiter.handle, &failure) != C.SLUICE_OK {
		return nil, errors.New(C.GoString(&failure.message[0]))
	}
	runtime.SetFinalizer(limiter, func(l *Limiter) { C.sluice_limiter_free(l.handle) })
	return limiter, nil
}

// Take takes cost tokens from the key's bucket if they are there.
func (l *Limiter) Take(key string, cost int64) (Decision, error) {
	bytes := []byte(key)
	var first unsafe.Pointer
	if len(bytes) > 0 {
		first = unsafe.Pointer(&bytes[0])
	}
	var d C.sluice_decision
	code := C.sluice_limiter_take(l.handle, first, C.size_t(len(bytes)), C.int64_t(cost), C.SLUICE_NOW, &d)
	runtime.KeepAlive(l)
	if code != C.SLUICE_OK {
		return Decision{}, errors.New(C.GoString(C.sluice_code_text(code)))
	}
	return Decision{d.outcome == C.SLUICE_ALLOWED, int64(d.remaining), time.Duration(d.retry_after_ns)}, nil
}

func main() {
	fmt.Printf("libsluice ABI %d\n", C.sluice_abi())
	if _, err := parse("2/fortnight"); err != nil {
		fmt.Println(err)
	}
	limiter, err := NewLimiter("2/h")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, key := range []string{"alice", "alice", "alice", "bob"} {
		d, err := limiter.Take(key, 1)
		switch {
		case err != nil:
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		case d.Allowed:
			fmt.Printf("%s: allowed, %d left\n", key, d.Remaining)
		default:
			fmt.Printf("%s: refused, try again in %d s\n", key, int(d.RetryAfter.Seconds())+1)
		}
	}
}
