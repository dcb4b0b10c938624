// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/text.hpp"

#include <array>
#include <string_view>

namespace cloister::bench {

namespace {

/// SplitMix64 (Steele, Lea and Flood, 2014): costs nothing to start.
class generator {
public:
  explicit generator(std::uint64_t seed) : state_(seed) {}

  std::uint64_t operator()() {
    auto z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

private:
  std::uint64_t state_;
};

constexpr std::array subjects
  = std::to_array<std::string_view>({"Sarah",
                                     "Her manager",
                                     "The customer",
                                     "Miguel",
                                     "The whole team",
                                     "Aiko",
                                     "The landlord",
                                     "Priya",
                                     "His daughter",
                                     "The support agent",
                                     "Tom",
                                     "Lena",
                                     "The accountant",
                                     "Our supplier",
                                     "The doctor",
                                     "Yusuf",
                                     "The client",
                                     "Grandmother",
                                     "The new hire",
                                     "Oliver"});
constexpr std::array verbs
  = std::to_array<std::string_view>({"prefers",
                                     "asked about",
                                     "cancelled",
                                     "ordered",
                                     "dislikes",
                                     "recommended",
                                     "postponed",
                                     "paid for",
                                     "lost",
                                     "is allergic to",
                                     "upgraded",
                                     "returned",
                                     "complained about",
                                     "wants to compare",
                                     "forgot",
                                     "reviewed",
                                     "collects",
                                     "repaired",
                                     "is learning about",
                                     "moved",
                                     "booked",
                                     "translated",
                                     "shared",
                                     "no longer needs"});
constexpr std::array adjectives = std::to_array<std::string_view>(
  {"quarterly", "vegetarian", "dark",       "annual",   "cheap",
   "northern",  "broken",     "second",     "wireless", "handmade",
   "urgent",    "Italian",    "early",      "spare",    "digital",
   "quiet",     "organic",    "refundable", "blue",     "monthly",
   "antique",   "encrypted",  "spicy",      "overdue",  "longer"});
constexpr std::array nouns = std::to_array<std::string_view>(
  {"reports",     "meals",       "mode",          "insurance",
   "flights",     "invoices",    "bicycle",       "appointment",
   "headphones",  "peanuts",     "subscription",  "contract",
   "garden",      "passport",    "printer",       "lessons",
   "deliveries",  "curtains",    "warranty",      "laptop",
   "recipes",     "meetings",    "novels",        "mortgage",
   "vaccination", "apartment",   "backups",       "concert tickets",
   "kitchen",     "migration",   "hotel",         "sneakers",
   "coffee",      "spreadsheet", "chess openings"});
constexpr std::array endings = std::to_array<std::string_view>(
  {"on weekdays", "since March", "because of the price", "before the holidays",
   "after the move to Lisbon", "in the morning", "for the Berlin office",
   "with a colleague", "until further notice", "at the weekend", "by email",
   "during winter", "for two people", "near the station", "without telling us",
   "when travelling", "every other week", "over the phone"});

/// Neighbouring numbers must not share what they draw.
constexpr std::uint64_t streams_apart = 0xd1342543de82ef95;

template <class Words>
std::string_view any(const Words& words, generator& random) {
  return words[random() % words.size()];
}

std::string sentence_from(generator& random) {
  constexpr std::uint64_t numbers = 9000;
  std::string out{any(subjects, random)};
  for (auto word : {any(verbs, random), any(adjectives, random),
                    any(nouns, random), any(endings, random)})
    out.append(" ").append(word);
  // Order numbers, prices and the like occur once.
  if (random() % 4 == 0)
    out.append(", number ").append(std::to_string(random() % numbers));
  return out + '.';
}

} // namespace

std::string sentence(std::uint64_t number) {
  generator random{number * streams_apart};
  return sentence_from(random);
}

std::string prose(std::uint64_t number, std::size_t bytes) {
  generator random{number * streams_apart};
  auto out = sentence_from(random);
  // Half a sentence short is as near as half a sentence long.
  for (auto half = out.size() / 2; out.size() + half < bytes;)
    out.append(" ").append(sentence_from(random));
  return out;
}

std::string noise(std::uint64_t number, std::size_t bytes) {
  generator random{number * streams_apart};
  std::string out(bytes, '\0');
  for (auto& byte : out)
    byte = static_cast<char>(random());
  return out;
}

} // namespace cloister::bench
