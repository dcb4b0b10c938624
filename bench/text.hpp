// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>

namespace cloister::bench {

/// Varied sentences, the same for the same number: the words of real memories
/// repeat, but not all of them.
std::string sentence(std::uint64_t number);

/// Sentences up to about this many bytes.
std::string prose(std::uint64_t number, std::size_t bytes);

/// Made-up words as frequent as those of a language are (Zipf), up to about
/// this many bytes; and 3 to 8 of the words of one of the first `texts` such
/// texts.
std::string zipf_text(std::uint64_t number, std::size_t bytes);
std::string zipf_query(std::uint64_t number, std::uint64_t texts,
                       std::size_t bytes);

/// Bytes that do not repeat, like sealed ones.
std::string noise(std::uint64_t number, std::size_t bytes);

} // namespace cloister::bench
