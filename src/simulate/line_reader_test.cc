#include "simulate/line_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

namespace sluice::simulate {
namespace {

/// Bytes that come `cut` at a time.
class Bytes final : public ByteSource {
 public:
  Bytes(std::string bytes, std::size_t cut) : bytes_(std::move(bytes)), cut_(cut) {}
  Result<std::size_t> read(char* to, std::size_t size) override {
    const auto n = std::min({size, cut_, bytes_.size() - at_});
    std::memcpy(to, bytes_.data() + at_, n);
    at_ += n;
    return n;
  }
  std::uint64_t consumed() const override { return at_; }

 private:
  std::string bytes_;
  std::size_t cut_;
  std::size_t at_ = 0;
};

/// Lines joined by '|'; "#" for one too long, "!" and the message for an error.
std::string lines_of(ByteSource& source) {
  LineReader reader(source);
  std::string out;
  for (;;) {
    std::string_view line;
    const auto next = reader.next(line);
    if (!next) return out + "!" + next.error().message;
    if (*next == LineReader::Next::end) return out;
    out += (*next == LineReader::Next::too_long ? "#" : std::string(line)) + "|";
  }
}

std::string gzip(const std::string& text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1000, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

class LineReaderFiles : public testing::Test {
 protected:
  LineReaderFiles() {
    std::string name = testing::TempDir() + "/sluice_lines_XXXXXX";
    ::close(::mkstemp(name.data()));
    path_ = name;
  }
  ~LineReaderFiles() override { ::unlink(path_.c_str()); }
  std::string lines_of_file(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    const auto source = ByteSource::open(path_);
    return source ? lines_of(**source) : "!" + source.error().message;
  }
  std::string path_;
};

TEST(LineReader, CutsLinesHoweverTheBytesCome) {
  const std::string text = "one\n\ntwo\r\nthr\ree\n\r\nlast";
  for (std::size_t cut = 1; cut <= text.size(); ++cut) {
    Bytes source(text, cut);
    EXPECT_EQ(lines_of(source), "one||two|thr\ree||last|") << cut;
  }
}

TEST(LineReader, EmptyAndLineEndAlone) {
  Bytes empty("", 1), newline("\n", 1);
  EXPECT_EQ(lines_of(empty), "");
  EXPECT_EQ(lines_of(newline), "|");
}

TEST(LineReader, LongLinesAreBounded) {
  const std::string fits(LineReader::kLineMax, 'a'), above(LineReader::kLineMax + 1, 'b'),
      huge(3 * LineReader::kBlock, 'c');
  for (const std::size_t cut :
       {std::size_t{997}, LineReader::kLineMax, LineReader::kBlock, std::size_t{1} << 30}) {
    Bytes source(fits + "\n" + above + "\n" + huge + "\nshort\n" + fits + "\r\n" + huge, cut);
    EXPECT_EQ(lines_of(source), fits + "|#|#|short|" + fits + "|#|") << cut;
  }
}

TEST_F(LineReaderFiles, PlainAndGzip) {
  EXPECT_EQ(lines_of_file("a\nb\n"), "a|b|");
  EXPECT_EQ(lines_of_file("a"), "a|");
  EXPECT_EQ(lines_of_file(""), "");
  EXPECT_EQ(lines_of_file(gzip("a\nb\n")), "a|b|");
  EXPECT_EQ(lines_of_file(gzip("")), "");
}

TEST_F(LineReaderFiles, GzipMembersReadAsOne) {
  EXPECT_EQ(lines_of_file(gzip("a\nb") + gzip("") + gzip("c\n")), "a|bc|");
  EXPECT_EQ(lines_of_file(gzip("a\n") + std::string(700, '\0') + gzip("b\n")), "a|b|");
  EXPECT_EQ(lines_of_file(gzip("a\n") + "trailing garbage"), "a|");
}

TEST_F(LineReaderFiles, ManyMembersAcrossBlocks) {
  std::string packed, expected;
  for (int i = 0; i < 40'000; ++i) {
    packed += gzip(std::to_string(i) + "\n");
    expected += std::to_string(i) + "|";
  }
  ASSERT_GT(packed.size(), LineReader::kBlock);
  EXPECT_EQ(lines_of_file(packed), expected);
}

TEST_F(LineReaderFiles, DamagedGzipIsAnError) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::to_string(i * 7919) + "\n";
  const auto whole = gzip(text);
  const auto cut = lines_of_file(whole.substr(0, whole.size() - 9));
  EXPECT_NE(cut.find("!" + path_ + ": the gzip data ends in the middle"), std::string::npos);
  auto damaged = whole;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);  // In the checksum.
  EXPECT_NE(lines_of_file(damaged).find("!" + path_ + ": damaged gzip data"), std::string::npos);
}

TEST(ByteSourceTest, NamesTheFileThatIsNotThere) {
  const auto source = ByteSource::open("/no/such/file.log");
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().message, "/no/such/file.log: No such file or directory; is the path right?");
}

}  // namespace
}  // namespace sluice::simulate
