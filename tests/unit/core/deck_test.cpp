#include "core/deck_editor.hpp"
#include "core/suggest.hpp"
#include <rossby/core/deck.hpp>
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>

namespace rossby {
namespace {

using test::message_of;
using ::testing::HasSubstr;

TEST(Deck, Types)
{
  auto const deck = Deck::parse("{i: 3, big: 1e8, x: 1e-3, b: yes, s: hello, l: [1, 2], e: ~, d: 1982-01-01}");
  auto const root = deck.root();
  EXPECT_EQ(root.require<int>("i"), 3);
  EXPECT_EQ(root.require<int>("big"), 100000000);
  EXPECT_EQ(root.require<double>("x"), 1e-3);
  EXPECT_EQ(root.require<double>("i"), 3);
  EXPECT_TRUE(root.require<bool>("b"));
  EXPECT_EQ(root.require<std::string>("d"), "1982-01-01");
  EXPECT_EQ(root.require<std::vector<int>>("l"), (std::vector<int>{1, 2}));
  EXPECT_EQ(root.require<std::vector<std::string>>("s"), std::vector<std::string>{"hello"});
  EXPECT_THROW(root.require<std::vector<int>>("i"), Error);
  EXPECT_EQ(root.get<int>("e", 7), 7);
  EXPECT_EQ(root.get<int>("absent", 8), 8);
  EXPECT_FALSE(root["absent"]["below"].exists());
  EXPECT_TRUE(root["absent"].items().empty());
}

TEST(Deck, WrongTypesNameKeyAndLine)
{
  auto const deck = Deck::parse("a:\n  n: many\n  q: \"5\"\n  l: [1, two]\n  m: {x: 1}\n  f: 1.5\n", "run.yml");
  auto const a = deck["a"];
  EXPECT_THAT(message_of([&] { a.require<int>("n"); }),
              HasSubstr("a.n: is 'many', but a whole number is expected (run.yml line 2)"));
  EXPECT_THAT(message_of([&] { a.require<int>("q"); }), HasSubstr("remove the quotes"));
  EXPECT_THAT(message_of([&] { a.require<std::vector<int>>("l"); }), HasSubstr("a.l[1]: is 'two'"));
  EXPECT_THAT(message_of([&] { a.require<double>("m"); }), HasSubstr("is a block of keys, but a number"));
  EXPECT_THAT(message_of([&] { a.require<int>("f"); }), HasSubstr("whole number"));
  EXPECT_THAT(message_of([&] { a.require<int>("none"); }), HasSubstr("a.none: is missing"));
  EXPECT_THAT(message_of([&] { a["n"]["x"].exists(); }), HasSubstr("a block of keys is expected"));
  EXPECT_THAT(message_of([&] { a["n"].items(); }), HasSubstr("a list is expected"));
}

TEST(Deck, UnreadKeysAreErrorsWithTheNearestKey)
{
  auto const deck = Deck::parse("trainer:\n  learning_rat: 1\n  epochs: 2\nmodle: {x: 1}\nlist: [{a: 1, b: 2}]\n");
  deck["trainer"].get<double>("learning_rate", 0);
  deck["trainer"].get<int>("epochs", 0);
  deck["model"].get<int>("x", 0);
  for (auto const& item : deck["list"].items())
    item.get<int>("a", 0);
  Problems problems;
  deck.check_all_read(problems);
  ASSERT_EQ(problems.errors().size(), 3u);
  EXPECT_EQ(problems.errors()[0].where(), "trainer.learning_rat");
  EXPECT_THAT(problems.errors()[0].fix(), HasSubstr("learning_rate"));
  EXPECT_EQ(problems.errors()[1].where(), "modle");
  EXPECT_THAT(problems.errors()[1].fix(), HasSubstr("'model'"));
  EXPECT_EQ(problems.errors()[2].where(), "list[0].b");
}

TEST(Deck, MarkReadSilencesABlock)
{
  auto const deck = Deck::parse("pbs: {a: 1, b: {c: [1, 2]}}\n");
  deck["pbs"].mark_read();
  Problems problems;
  deck.check_all_read(problems);
  EXPECT_TRUE(problems.errors().empty());
}

TEST(Deck, Overrides)
{
  auto const deck = Deck::parse("a: {b: 1, l: [1, 2, 3]}\nc:\n", "d",
                                {"a.b=2", "a.new.deep=text", "a.l[1]=9", "c=[4, 5]", "a.m={x: 1.5}", "a.empty="});
  EXPECT_EQ(deck["a"].require<int>("b"), 2);
  EXPECT_EQ(deck["a"]["new"].require<std::string>("deep"), "text");
  EXPECT_EQ(deck["a"].require<std::vector<int>>("l"), (std::vector<int>{1, 9, 3}));
  EXPECT_EQ(deck.root().require<std::vector<int>>("c"), (std::vector<int>{4, 5}));
  EXPECT_EQ(deck["a"]["m"].require<double>("x"), 1.5);
  EXPECT_FALSE(deck["a"].has("empty"));
  EXPECT_THAT(message_of([] { Deck::parse("a: 1", "d", {"a.b=2"}); }), HasSubstr("single value"));
  EXPECT_THAT(message_of([] { Deck::parse("a: [1]", "d", {"a.1=2"}); }), HasSubstr("list of 1 items"));
  EXPECT_THAT(message_of([] { Deck::parse("a: 1", "d", {"justakey"}); }), HasSubstr("key=value"));
  EXPECT_THAT(message_of([] { Deck::parse("a: 1", "d", {"a=[1"}); }), HasSubstr("not valid YAML"));
  EXPECT_THAT(message_of([] { Deck::parse("a: 1", "d", {"a=x"})["a"].as<int>(); }), HasSubstr("(--set)"));
}

TEST(Deck, EnvironmentVariables)
{
  ::setenv("ROSSBY_TEST_PLACE", "/scratch", 1);
  ::unsetenv("ROSSBY_TEST_NOWHERE");
  auto const root = Deck::parse("{a: $ROSSBY_TEST_PLACE/run, b: 'x${ROSSBY_TEST_PLACE}y', c: $ROSSBY_TEST_NOWHERE, "
                                "d: 'cost 5$ or $$ROSSBY_TEST_PLACE', e: '${open'}")
                        .root();
  EXPECT_EQ(root.require<std::string>("a"), "/scratch/run");
  EXPECT_EQ(root.require<std::string>("b"), "x/scratchy");
  EXPECT_THAT(message_of([&] { root.require<std::string>("c"); }), HasSubstr("ROSSBY_TEST_NOWHERE"));
  EXPECT_EQ(root.require<std::string>("d"), "cost 5$ or $ROSSBY_TEST_PLACE");
  EXPECT_EQ(root.require<std::string>("e"), "${open");
}

TEST(Deck, BadTexts)
{
  EXPECT_THAT(message_of([] { Deck::parse("a: 1\nb: 2\na: 3\n", "d.yml"); }),
              HasSubstr("a: is given twice: at d.yml line 1 and at d.yml line 3"));
  EXPECT_THAT(message_of([] { Deck::parse("a: [1, 2\nb: 3\n", "d.yml"); }),
              HasSubstr("d.yml: is not valid YAML at line"));
  EXPECT_THAT(message_of([] { Deck::parse("", "d.yml"); }), HasSubstr("is empty"));
  EXPECT_THAT(message_of([] { Deck::parse("- 1\n- 2\n", "d.yml"); }), HasSubstr("not a map"));
  EXPECT_THAT(message_of([] { Deck::parse("? [a]\n: 1\n", "d.yml"); }), HasSubstr("must be a word"));
  EXPECT_THAT(message_of([] { Deck::parse("a: &x [*x]\n", "d.yml"); }), HasSubstr("nested"));
  EXPECT_THAT(message_of([] { Deck::load("/nonexistent/deck.yml"); }), HasSubstr("can't be opened"));
  EXPECT_THAT(message_of([] { Deck::load("/tmp"); }), HasSubstr("can't be read"));
}

TEST(Deck, AnchorsAndMerges)
{
  auto const deck = Deck::parse("base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\nsame: *b\n");
  EXPECT_EQ(deck["more"].require<int>("x"), 1);
  EXPECT_EQ(deck["more"].require<int>("y"), 3);
  EXPECT_EQ(deck["same"].require<int>("y"), 2);
  Problems problems;
  deck.check_all_read(problems);
  EXPECT_EQ(problems.errors().size(), 2u); // base, and x of same: read independently
}

TEST(Deck, AliasesThatMultiplyAndFilesWithoutEndAreRefusedAtOnce)
{
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k)
      bomb += (k ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(test::message_of([&] { Deck::parse(bomb, "bomb.yml"); }), ::testing::HasSubstr("don't nest aliases"));
  EXPECT_THAT(test::message_of([&] { Deck::load("/dev/zero"); }), ::testing::HasSubstr("/dev/zero: is longer than"));
  std::string const deep = "a: " + std::string(100000, '[');
  EXPECT_THAT(test::message_of([&] { Deck::parse(deep, "deep.yml"); }), ::testing::HasSubstr("deep.yml"));
}

TEST(Deck, TextRoundTrip)
{
  auto const deck = Deck::parse("a: {s: \"5\", l: [1, [2, 3]], n: }\nb: 'x: y'\n", "d", {"a.v=0.1"});
  auto const again = Deck::parse(deck.text());
  EXPECT_EQ(again.text(), deck.text());
  EXPECT_EQ(again["a"].require<std::string>("s"), "5");
  EXPECT_THROW(again["a"].require<int>("s"), Error);
  EXPECT_EQ(again["a"].require<double>("v"), 0.1);
  EXPECT_EQ(again.root().require<std::string>("b"), "x: y");
}

TEST(Problems, RaisesEachProblemOnce)
{
  Problems none, one, two;
  none.raise();
  for (int twice = 0; twice < 2; ++twice) {
    one.error("a", "is wrong");
    two.error("a", "is wrong");
    two.error("b", "is wrong, too", "mend it");
  }
  EXPECT_EQ(message_of([&] { one.raise(); }), "a: is wrong");
  EXPECT_EQ(message_of([&] { two.raise(); }), "2 problems:\n- a: is wrong\n- b: is wrong, too\n  fix: mend it");
}

TEST(Suggest, Nearest)
{
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("ab", "ba"), 1);
  EXPECT_EQ(nearest("learnig_rate", {"weight_decay", "learning_rate"}), "learning_rate");
  EXPECT_EQ(nearest("xyz", {"weight_decay", "learning_rate"}), "");
  EXPECT_EQ(nearest("x", {"y"}), "");
}

TEST(Deck, VariablesThatAreNotSetAreOneFault)
{
  auto const deck =
      Deck::parse("a: $ROSSBY_NO_SUCH/x\nb: ['${ROSSBY_NO_SUCH}', y]\nc: {d: $ROSSBY_NO_SUCH, e: $$}\nn: 3\n");
  Problems problems;
  for (char const* key : {"a", "b"})
    try {
      deck[key].as<std::vector<std::string>>();
    } catch (Error const& e) {
      problems.error(e.where(), e.problem(), e.fix());
    }
  ASSERT_EQ(problems.errors().size(), 1u);
  EXPECT_THAT(problems.errors()[0].what(),
              HasSubstr("$ROSSBY_NO_SUCH: this environment variable is not set, and is used in a and 2 other keys"));
  EXPECT_EQ(deck["c"].require<std::string>("e"), "$");
  EXPECT_EQ(deck.root().require<int>("n"), 3);
}

TEST(DeckEditor, WhatIsMovedKeepsItsNameInMessages)
{
  auto const old = Deck::parse("flat: {years: [2000, many]}\nkept: 1\n", "old.yml");
  DeckEditor editor("old.yml");
  editor.copy(old["flat"]["years"], "nested.deep.ranges");
  editor.copy(old["kept"], "kept");
  editor.set("nested.number", "{x: 1}", "flat.number");
  editor.set_text("nested.text", "a: 'b'", "flat.text");
  Error const why("flat.bad", "can't be used");
  editor.fault("nested.bad", why);
  Problems said;
  said.warning("flat", "is old");
  auto const deck = editor.deck(said);
  EXPECT_THAT(message_of([&] { deck["nested"]["deep"]["ranges"].as<std::vector<int>>(); }),
              HasSubstr("flat.years[1]: is 'many', but a whole number is expected (old.yml line 1)"));
  EXPECT_THAT(message_of([&] { deck["nested"]["number"]["y"].as<int>(); }), HasSubstr("flat.number.y: is missing"));
  EXPECT_EQ(deck["nested"].require<std::string>("text"), "a: 'b'");
  EXPECT_TRUE(deck["nested"].has("bad"));
  for (auto const& read : std::vector<std::function<void()>>{[&] { deck["nested"]["bad"].as<int>(); },
                                                             [&] { deck["nested"]["bad"]["x"].exists(); },
                                                             [&] { deck["nested"]["bad"].items(); }})
    EXPECT_EQ(message_of(read), why.what());
  Problems problems;
  deck.check_all_read(problems);
  ASSERT_EQ(problems.warnings().size(), 1u);
  EXPECT_EQ(problems.warnings()[0].where(), "flat");
  ASSERT_EQ(problems.errors().size(), 1u); // of what nobody wrote nothing is said
  EXPECT_EQ(problems.errors()[0].where(), "kept");
}

TEST(DeckEditor, TextIsReadAsItWasPut)
{
  ::setenv("ROSSBY_TEST_PLACE", "elsewhere", 1);
  auto const old = Deck::parse("path: $ROSSBY_TEST_PLACE/$$ROSSBY_TEST_PLACE");
  std::string const text = "elsewhere/$ROSSBY_TEST_PLACE";
  ASSERT_EQ(old["path"].as<std::string>(), text);
  DeckEditor out(old);
  out.set_text("new.path", old["path"].as<std::string>());
  out.set_texts("new.list", {text, "a$$b"});
  auto const deck = out.deck(Problems());
  EXPECT_EQ(deck["new"]["path"].as<std::string>(), text);
  EXPECT_EQ(deck["new"]["list"].as<std::vector<std::string>>(), (std::vector<std::string>{text, "a$$b"}));
  EXPECT_EQ(Deck::parse(out.commented())["new"]["path"].as<std::string>(), text);
}

TEST(DeckEditor, CommentsAreWrittenAndReadOver)
{
  DeckEditor editor("new");
  editor.set("a.b", "[1, 2]");
  editor.set("a.c", "word");
  editor.comment("a.b", "why b\nis so");
  editor.comment("a.absent", "nothing");
  auto const text = editor.commented();
  EXPECT_THAT(text, HasSubstr("  # why b\n  # is so\n  b: [1, 2]\n"));
  EXPECT_EQ(Deck::parse(text).text(), editor.deck({}).text());
}

TEST(DeckEditor, MergingKeepsWhatIsNotSaid)
{
  DeckEditor editor("new");
  editor.set("a", "{b: 1, c: {d: 2, e: 3}}");
  auto const other = Deck::parse("a: {c: {d: 5}, f: 6}\n");
  editor.merge(other["a"], "a");
  EXPECT_EQ(editor.deck({}).text(), Deck::parse("a: {b: 1, c: {d: 5, e: 3}, f: 6}").text());
}

} // namespace
} // namespace rossby
