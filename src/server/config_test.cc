#include "server/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace sluice::server {
namespace {

class ConfigLoad : public ::testing::Test {
 protected:
  std::string file(const std::string& text) {
    const auto path = ::testing::TempDir() + "sluice-config-" + std::to_string(::getpid()) + ".yaml";
    std::ofstream(path) << text;
    return path;
  }
  Loaded load(std::vector<std::pair<std::string, std::string>> flags, const std::string& text,
              std::map<std::string, std::string> environment) {
    static std::map<std::string, std::string> variables;
    variables = std::move(environment);
    Sources sources;
    for (const auto& [name, value] : flags) sources.flags.emplace_back(find_setting(name), value);
    if (!text.empty()) sources.file = file(text);
    sources.environment = [](const char* name) {
      const auto it = variables.find(name);
      return it == variables.end() ? nullptr : it->second.c_str();
    };
    return load_config(sources);
  }
};

TEST_F(ConfigLoad, DefaultsListenOnLoopbackOnly) {
  const auto loaded = load({}, "", {});
  EXPECT_TRUE(loaded.problems.empty());
  EXPECT_EQ(loaded.config.resp.text(), "127.0.0.1:6380");
  EXPECT_EQ(loaded.config.http.text(), "127.0.0.1:8080");
  EXPECT_EQ(loaded.config.store, "local");
}

TEST_F(ConfigLoad, FlagThenFileThenEnvironment) {
  const std::map<std::string, std::string> environment = {
      {"SLUICE_THREADS", "1"}, {"SLUICE_MAX_KEYS", "1"}, {"SLUICE_DRAIN_TIME", "1s"}};
  const auto loaded = load({{"threads", "3"}}, "threads: 2\nmax_keys: 2\n", environment);
  ASSERT_TRUE(loaded.problems.empty()) << loaded.problems[0];
  EXPECT_EQ(loaded.config.threads, 3);
  EXPECT_EQ(loaded.config.max_keys, 2);
  EXPECT_EQ(loaded.config.drain_time, std::chrono::seconds(1));
}

TEST_F(ConfigLoad, EnvironmentNamesTheFileAndAFlagNamesAnother) {
  const auto path = file("threads: 7\n");
  EXPECT_EQ(load({}, "", {{"SLUICE_CONFIG", path}}).config.threads, 7);
  EXPECT_FALSE(load({}, "", {{"SLUICE_CONFIG", "/nowhere/sluice.yaml"}}).problems.empty());
  Sources sources;
  sources.file_if_any = "/nowhere/sluice.yaml";
  EXPECT_TRUE(load_config(sources).problems.empty()) << "the default file need not be there";
}

TEST_F(ConfigLoad, AllProblemsAreTold) {
  const auto loaded = load({{"threads", "many"}, {"store-deadline", "0"}},
                           "respp: none\nhttp: 8080\nlimits: {a: {quota: 1/s}}\noutput_max: 1\n",
                           {{"SLUICE_DRAIN_TIME", "soon"}});
  std::string all;
  for (auto p : loaded.problems) {
    if (const auto at = p.find(".yaml"); at != std::string::npos) p = "F" + p.substr(at + 5);
    all += p + "\n";
  }
  EXPECT_EQ(all,
            "SLUICE_DRAIN_TIME: \"soon\" is not right: a time such as 30s, 500ms, 5min or 1h\n"
            "F:1:1: unknown setting \"respp\" (did you mean \"resp\"?)\n"
            "F:2:7: http: \"8080\" is no address: write host:port, unix:/path or none, as in 127.0.0.1:6380\n"
            "F:3:9: limits is a single value, found a map; it names the file that holds the limits\n"
            "F:4:13: output_max: \"1\" is not right: at least 1024 bytes\n"
            "--threads: \"many\" is not right: a whole number from 0 to 1024\n"
            "--store-deadline: \"0\" is not right: at least 1ms\n");
}

TEST(Config, EverySettingReadsWhatItPrints) {
  std::set<std::string> names;
  for (const Setting& s : settings()) {
    EXPECT_TRUE(names.insert(s.variable()).second) << s.name;
    Config config;
    const auto text = s.get(config);
    EXPECT_TRUE(s.set(config, text)) << s.name << " " << text;
    EXPECT_EQ(s.get(config), text) << s.name;
    EXPECT_EQ(find_setting(s.name), &s);
  }
}

TEST(Config, DurationsAndSizes) {
  EXPECT_EQ(*parse_duration("0"), Duration(0));
  EXPECT_EQ(*parse_duration("90s"), std::chrono::seconds(90));
  EXPECT_EQ(duration_text(std::chrono::seconds(90)), "90s");
  EXPECT_EQ(duration_text(std::chrono::minutes(5)), "5min");
  for (const char* text : {"", "5", "s", "-1s", "1.5s", "1y", "1s 2", "9999999999999999999s", "99999999999h"})
    EXPECT_FALSE(parse_duration(text)) << text;
  EXPECT_EQ(parse_bytes("1MB")->count, 1'000'000);
  EXPECT_EQ(parse_bytes("64KiB")->count, 65'536);
  EXPECT_EQ(parse_bytes("7")->count, 7);
  for (const char* text : {"", "1X", "-1", "1.5M", "99999999999G"}) EXPECT_FALSE(parse_bytes(text)) << text;
  EXPECT_EQ(parse_ratio("0.8")->millionths, 800'000);
  EXPECT_EQ(parse_ratio("1")->millionths, 1'000'000);
  EXPECT_EQ(parse_ratio("0.000001")->millionths, 1);
  EXPECT_EQ(parse_ratio("0")->millionths, 0);
  for (const char* text :
       {"", ".", "0.", ".5", "1.1", "1.000001", "2", "-0.1", "0.1234567", "0.8x", "0.8.1", "80%"})
    EXPECT_FALSE(parse_ratio(text)) << text;
}

TEST(Config, TheDocumentsHoldTheTable) {
  std::stringstream text;
  text << std::ifstream(OPERATIONS_MD).rdbuf();
  EXPECT_NE(text.str().find(settings_markdown()), std::string::npos) << "put this into docs/operations.md:\n"
                                                                     << settings_markdown();
}

}  // namespace
}  // namespace sluice::server
