// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/key_slab.hpp"

#include <mutex>
#include <new>

#include <sys/mman.h>

#include "crypto/sodium.hpp"

namespace cloister::crypto {

namespace {

// One chunk of cells, with an inaccessible page before and behind it. Single
// `sodium_malloc` cells would cost four pages each and stop locking after
// some sixteen thousand, since the kernel bounds the number of mappings.
constexpr std::size_t page_bytes = 4096;
constexpr std::size_t chunk_bytes = 16 * page_bytes;
constexpr std::size_t cell_bytes = 32;

struct free_cell {
  free_cell* next;
};

class slab {
public:
  std::uint8_t* take() {
    std::lock_guard guard{mutex_};
    if (free_ == nullptr)
      add_chunk();
    auto cell = free_;
    free_ = cell->next;
    ++status_.cells_in_use;
    cell->next = nullptr;
    return reinterpret_cast<std::uint8_t*>(cell);
  }

  void give_back(std::uint8_t* memory) noexcept {
    sodium_memzero(memory, cell_bytes);
    std::lock_guard guard{mutex_};
    auto cell = new (memory) free_cell{free_};
    free_ = cell;
    --status_.cells_in_use;
  }

  key_slab_status status() {
    std::lock_guard guard{mutex_};
    return status_;
  }

private:
  void add_chunk() {
    auto total = chunk_bytes + 2 * page_bytes;
    auto area
      = mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
      throw std::bad_alloc{};
    auto cells = static_cast<std::uint8_t*>(area) + page_bytes;
    if (mprotect(cells, chunk_bytes, PROT_READ | PROT_WRITE) != 0) {
      munmap(area, total);
      throw std::bad_alloc{};
    }
    madvise(cells, chunk_bytes, MADV_DONTDUMP);
    if (mlock(cells, chunk_bytes) != 0)
      status_.locked = false;
    status_.bytes_reserved += chunk_bytes;
    for (std::size_t at = chunk_bytes; at > 0; at -= cell_bytes)
      free_ = new (cells + at - cell_bytes) free_cell{free_};
  }

  std::mutex mutex_;
  free_cell* free_ = nullptr;
  key_slab_status status_;
};

/// Never destroyed: keys in static objects may outlive any order we choose.
slab& instance() {
  static auto* the_slab = new slab;
  return *the_slab;
}

} // namespace

std::uint8_t* take_key_cell() {
  return instance().take();
}

void return_key_cell(std::uint8_t* cell) noexcept {
  instance().give_back(cell);
}

key_slab_status slab_status() {
  return instance().status();
}

} // namespace cloister::crypto
