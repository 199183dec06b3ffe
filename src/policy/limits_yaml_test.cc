#include "policy/limits_yaml.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>
#include <set>

namespace sluice::policy {
namespace {

std::string said(const std::string& file) {
  std::string text = read_limits_file(std::string(TESTDATA "/") + file).problems_text();
  const std::string folder = TESTDATA "/";
  for (std::size_t at; (at = text.find(folder)) != std::string::npos;) text.erase(at, folder.size());
  return text;
}

TEST(LimitsYaml, ReadsTheExample) {
  const auto reading = read_limits_file(TESTDATA "/good.yaml");
  ASSERT_TRUE(reading) << reading.problems_text();
  const auto& all = reading.limits.all();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].name, "login");
  EXPECT_EQ(all[0].quotas[0], *Quota::parse("5/min burst 10"));
  EXPECT_EQ(all[1].quotas.size(), 2u);
  EXPECT_EQ(all[1].families[1].name, "api#1");
  EXPECT_EQ(all[1].mode, Mode::enforce);
  EXPECT_EQ(all[1].unit, "requests");
  EXPECT_EQ(all[2].unit, "bytes");
  EXPECT_EQ(all[2].mode, Mode::shadow);
  EXPECT_EQ(reading.limits.find("upload"), &all[2]);
  EXPECT_EQ(reading.limits.find("uploads"), nullptr);
}

TEST(LimitsYaml, EachLimitSaysHowItsServersCountTogether) {
  const auto reading = read_limits(
      "limits:\n  a: {quota: 10/s}\n  b: {quotas: [10/s, 9/min], on_store_failure: deny, consistency: "
      "leased}\n"
      "  c: {quota: 10/s, consistency: strict}\n",
      "f");
  ASSERT_TRUE(reading) << reading.problems_text();
  const auto& all = reading.limits.all();
  EXPECT_EQ(all[0].families[0].consistency, store::Consistency::strict);
  EXPECT_EQ(all[1].families[1].consistency, store::Consistency::leased);
  EXPECT_EQ(all[1].families[1].on_failure, store::OnFailure::deny);
  EXPECT_EQ(all[2].families[0].consistency, store::Consistency::strict);
}

// One file a reason. The message names place, fault and mend.
const std::pair<const char*, const char*> kRefused[] = {
#include "policy/testdata/refused.inc"
};

TEST(LimitsYaml, EveryRefusalNamesPlaceFaultAndMend) {
  for (const auto& [file, message] : kRefused) EXPECT_EQ(said(file), message) << file;
}

TEST(LimitsYaml, EveryFileOfTheFolderIsInTheTable) {
  std::set<std::string> known = {"good.yaml", "none.yaml", "refused.inc"};
  for (const auto& [file, message] : kRefused) known.insert(file);
  for (const auto& entry : std::filesystem::directory_iterator(TESTDATA))
    EXPECT_TRUE(known.contains(entry.path().filename())) << entry.path();
}

TEST(LimitsYaml, NoLimitsIsASetToo) { EXPECT_TRUE(read_limits_file(TESTDATA "/none.yaml")); }

TEST(LimitsYaml, WhatIsNoFile) {
  EXPECT_EQ(said("missing.yaml"),
            "missing.yaml: cannot be read: No such file or directory; is the path right?");
  EXPECT_EQ(read_limits_file("/dev").problems_text(), "/dev: is a directory; name a file in it");
  EXPECT_EQ(read_limits_file("/dev/zero").problems_text(), "/dev/zero: is no regular file");
  const auto pipe = ::testing::TempDir() + "sluice-pipe-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(read_limits_file(pipe).problems_text(), pipe + ": is no regular file");
  ::unlink(pipe.c_str());
}

TEST(LimitsYaml, Bounds) {
  std::string many = "limits:\n";
  for (std::size_t i = 0; i < kLimitsMax; ++i) many += "  n" + std::to_string(i) + ": {quota: 1/s}\n";
  EXPECT_TRUE(read_limits(many, "f"));
  EXPECT_EQ(read_limits(many + "  more: {quota: 1/s}\n", "f").problems_text(),
            "f:2:3: 1001 limits; at most 1000 in a file");
  const std::string large = "limits: {}\n#" + std::string(kYamlBytesMax, 'x');
  EXPECT_EQ(read_limits(large, "f").problems_text(), "f: larger than 1048576 bytes, the most that is read");
  std::string faults = "limits:\n";
  for (int i = 0; i < 500; ++i) faults += "  n" + std::to_string(i) + ": {quota: x}\n";
  EXPECT_EQ(read_limits(faults, "f").problems.size(), kProblemsMax);
}

// Shapes on which a careless parser takes time or stack without end.
TEST(LimitsYaml, HostileShapesEnd) {
  for (const char* unit :
       {"[",   "{",    "- ", "? ",    "a: ",         "!",    "&a ", "*a ", "\"",  "'",       "|",   ">",
        "[a,", "{a: ", "#",  "---\n", "%YAML 1.2\n", "- - ", ": ",  ",",   "\n ", "!!map {", "<<: "}) {
    std::string text = "limits: ";
    while (text.size() < 200'000) text += unit;
    (void)read_limits(text, "f");
    (void)read_limits(text.substr(8), "f");
  }
}

// A file that is cut or damaged is a set of limits or a list of problems; it never throws and never both.
TEST(LimitsYaml, CutAndDamaged) {
  const auto good = *read_small_file(TESTDATA "/good.yaml");
  for (std::size_t n = 0; n < good.size(); ++n) {
    const auto reading = read_limits(good.substr(0, n), "f");
    EXPECT_TRUE(reading || reading.limits.all().empty());
  }
  std::mt19937 random(15);
  for (int i = 0; i < 20'000; ++i) {
    std::string text = good;
    for (unsigned k = 0; k <= random() % 4; ++k) text[random() % text.size()] = static_cast<char>(random());
    const auto reading = read_limits(text, "f");
    EXPECT_TRUE(reading || reading.limits.all().empty());
    for (const auto& p : reading.problems) EXPECT_FALSE(p.message.empty());
  }
}

TEST(LimitsYaml, NearestWord) {
  EXPECT_EQ(nearest("qouta", {"quota", "mode"}), " (did you mean \"quota\"?)");
  EXPECT_EQ(nearest("burst", {"quota", "mode"}), "");
  EXPECT_EQ(nearest("", {"on"}), "");
}

}  // namespace
}  // namespace sluice::policy
