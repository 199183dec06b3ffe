// snapshot_file.h: a snapshot of the local store (store/local/snapshot.h) in a file. The file is always
// whole: a new one is written beside it (FILE.tmp), brought to the disk, and renamed over it.
#pragma once

#include <string>

#include "sluice/result.h"
#include "store/local/snapshot.h"

namespace sluice::server {

/// By the machine's clocks.
store::Moment moment_now();

/// Any thread, while others decide; not two at a time for one file. An error names the file and the mend, and
/// leaves the old snapshot as it was.
Result<store::SnapshotTotals> save_snapshot(store::LocalStore& store, const std::string& path);

/// Whether save_snapshot() could begin: to be known before serving, not after.
Status check_snapshot_place(const std::string& path);

struct LoadedSnapshot {
  bool found = false;  ///< There was a file and it was good.
  store::SnapshotTotals totals;
  Duration age{0};        ///< Time that has refilled the buckets since.
  std::string set_aside;  ///< Not empty: the file was bad; what is wrong, and where it lies now.
};
/// REQUIRES: the store has decided nothing yet. A file that is damaged, cut off, foreign or of another
/// version is renamed to FILE.damaged-1 (or -2, …), whole, and the store stays empty. An error (a file that
/// cannot be read) is reason not to start, since the next save would destroy what may be good.
Result<LoadedSnapshot> load_snapshot(store::LocalStore& store, const std::string& path);

}  // namespace sluice::server
