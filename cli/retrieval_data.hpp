// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/memory.hpp"

namespace cloister::cli {

/// A query with the documents that answer it.
struct judged_query {
  std::string text;
  /// By the document's id; greater is more relevant.
  std::unordered_map<std::string, int> relevant;
};

/// What belongs to one tenant of a collection.
struct judged_tenant {
  /// Their keys are the documents' ids.
  std::vector<memory_draft> documents;
  std::vector<judged_query> queries;
  /// Judgements of documents that are not there; they count as not found.
  std::size_t judged_missing = 0;
};

/// Reads a folder of docs.jsonl {"id", "text", "tenant"?}, queries.jsonl {"id",
/// "text", "tenant"?} and qrels.tsv (query, document, relevance), by tenant.
/// What else a document has becomes metadata. Queries that nothing answers are
/// left out. Fails with `not_found`, or with `invalid_argument` where a line is
/// not of this form, an id occurs twice or a judged query does not exist; says
/// where.
result<std::map<std::string, judged_tenant>>
read_judged_folder(const std::string& folder);

/// nDCG with linear gain, recall and average precision as trec_eval has them.
double ndcg(const std::vector<std::string>& ranking, const judged_query& asked,
            std::size_t depth);
double recall(const std::vector<std::string>& ranking,
              const judged_query& asked, std::size_t depth);
double average_precision(const std::vector<std::string>& ranking,
                         const judged_query& asked);

} // namespace cloister::cli
