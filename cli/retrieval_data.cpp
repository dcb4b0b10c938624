// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/retrieval_data.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <unordered_set>

#include <boost/json.hpp>

#include "core/json_text.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

using line_visit = std::function<result<void>(const std::string&)>;

/// Calls `visit` for each line that is not blank; names the line in errors.
result<void> for_each_line(const std::string& path, const line_visit& visit) {
  std::ifstream file{path};
  if (!file)
    return error{errc::not_found,
                 path
                   + " cannot be read; the folder has docs.jsonl, "
                     "queries.jsonl and qrels.tsv"};
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (auto done = visit(line); done.has_error())
      return error{done.error().code, path + ", line " + std::to_string(number)
                                        + ": " + done.error().detail};
  }
  return {};
}

/// Ids may be numbers.
std::string text_at(const json::object& object, const char* name) {
  auto found = object.if_contains(name);
  if (found == nullptr || found->is_null())
    return {};
  return found->is_string() ? std::string{found->get_string()}
                            : to_json_text(*found);
}

result<json::object> object_of(const std::string& line) {
  boost::system::error_code failed;
  auto value = json::parse(line, failed);
  if (failed || !value.is_object() || !value.as_object().contains("id")
      || !value.as_object().contains("text"))
    return error{errc::invalid_argument,
                 "not an object with \"id\" and \"text\""};
  return std::move(value.as_object());
}

memory_draft draft_of(json::object object) {
  memory_draft out;
  out.key = text_at(object, "id");
  out.content = text_at(object, "text");
  if (out.content.size() > limits::content_bytes_max) {
    auto end = limits::content_bytes_max;
    while ((static_cast<unsigned char>(out.content[end]) & 0xc0) == 0x80)
      --end;
    out.content.resize(end);
  }
  for (auto name : {"id", "text", "tenant"})
    object.erase(name);
  out.metadata = to_json_text(object);
  return out;
}

/// "query document relevance", by tabs or spaces.
result<void>
read_judgement(const std::string& line,
               const std::unordered_map<std::string, judged_query*>& queries) {
  constexpr std::string_view space = " \t\r";
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < line.size();) {
    auto end = std::min(line.find_first_of(space, at), line.size());
    if (end > at)
      fields.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  constexpr std::size_t wanted = 3;
  int relevance = 0;
  if (fields.size() != wanted
      || std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(),
                         relevance)
             .ptr
           != fields[2].data() + fields[2].size())
    return error{errc::invalid_argument,
                 "not a query, a document and its relevance"};
  auto query = queries.find(fields[0]);
  if (query == queries.end())
    return error{errc::invalid_argument,
                 "there is no query " + fields[0] + " in queries.jsonl"};
  if (relevance > 0)
    query->second->relevant[fields[1]] = relevance;
  return {};
}

error twice(const std::string& id) {
  return {errc::invalid_argument, "the id " + id + " occurs twice"};
}

} // namespace

result<std::map<std::string, judged_tenant>>
read_judged_folder(const std::string& folder) {
  std::map<std::string, judged_tenant> out;
  std::map<std::string, std::unordered_set<std::string>> ids;
  auto documents = for_each_line(
    folder + "/docs.jsonl", [&](const std::string& line) -> result<void> {
      auto object = object_of(line);
      if (object.has_error())
        return object.error();
      auto tenant = text_at(*object, "tenant");
      auto draft = draft_of(std::move(*object));
      if (!ids[tenant].insert(*draft.key).second)
        return twice(*draft.key);
      // An empty document answers nothing.
      if (!draft.content.empty())
        out[tenant].documents.push_back(std::move(draft));
      return {};
    });
  if (documents.has_error())
    return documents.error();
  std::vector<std::pair<std::string, std::pair<std::string, judged_query>>>
    read;
  std::unordered_set<std::string> asked;
  auto queries = for_each_line(
    folder + "/queries.jsonl", [&](const std::string& line) -> result<void> {
      auto object = object_of(line);
      if (object.has_error())
        return object.error();
      if (!asked.insert(text_at(*object, "id")).second)
        return twice(text_at(*object, "id"));
      read.push_back(
        {text_at(*object, "tenant"),
         {text_at(*object, "id"), {text_at(*object, "text"), {}}}});
      return {};
    });
  if (queries.has_error())
    return queries.error();
  std::unordered_map<std::string, judged_query*> by_id;
  for (auto& [tenant, query] : read)
    by_id[query.first] = &query.second;
  auto judgements
    = for_each_line(folder + "/qrels.tsv", [&](const std::string& line) {
        return read_judgement(line, by_id);
      });
  if (judgements.has_error())
    return judgements.error();
  for (const auto& [tenant, query] : read)
    for (const auto& [document, relevance] : query.second.relevant)
      out[tenant].judged_missing += ids[tenant].contains(document) ? 0u : 1u;
  for (auto& [tenant, query] : read)
    if (!query.second.relevant.empty() && !query.second.text.empty())
      out[tenant].queries.push_back(std::move(query.second));
  return out;
}

double ndcg(const std::vector<std::string>& ranking, const judged_query& asked,
            std::size_t depth) {
  auto discounted = [](std::size_t place, int gain) {
    return gain / std::log2(static_cast<double>(place) + 2);
  };
  double gained = 0;
  for (std::size_t i = 0; i < std::min(depth, ranking.size()); ++i)
    if (auto found = asked.relevant.find(ranking[i]);
        found != asked.relevant.end())
      gained += discounted(i, found->second);
  std::vector<int> gains;
  for (const auto& [id, gain] : asked.relevant)
    gains.push_back(gain);
  std::sort(gains.rbegin(), gains.rend());
  double ideal = 0;
  for (std::size_t i = 0; i < std::min(depth, gains.size()); ++i)
    ideal += discounted(i, gains[i]);
  return ideal > 0 ? gained / ideal : 0;
}

double recall(const std::vector<std::string>& ranking,
              const judged_query& asked, std::size_t depth) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < std::min(depth, ranking.size()); ++i)
    found += asked.relevant.contains(ranking[i]) ? 1u : 0u;
  return static_cast<double>(found)
         / static_cast<double>(asked.relevant.size());
}

double average_precision(const std::vector<std::string>& ranking,
                         const judged_query& asked) {
  double sum = 0;
  double found = 0;
  for (std::size_t i = 0; i < ranking.size(); ++i)
    if (asked.relevant.contains(ranking[i])) {
      found += 1;
      sum += found / static_cast<double>(i + 1);
    }
  return sum / static_cast<double>(asked.relevant.size());
}

} // namespace cloister::cli
