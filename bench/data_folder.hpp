// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace cloister::bench {

/// A new folder for stores and their keys, removed with everything in it at
/// the end. Throws `std::runtime_error` if it cannot be made.
class data_folder {
public:
  explicit data_folder(const std::string& parent);
  data_folder(const data_folder&) = delete;
  data_folder& operator=(const data_folder&) = delete;
  ~data_folder();

  const std::string& path() const {
    return path_;
  }
  std::string operator/(const std::string& name) const {
    return path_ + '/' + name;
  }

private:
  std::string path_;
};

} // namespace cloister::bench
