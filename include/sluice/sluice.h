// sluice.h: the whole library. Each header is the manual of what it declares.
#pragma once

#include "sluice/bucket.h"         // IWYU pragma: export
#include "sluice/decision.h"       // IWYU pragma: export
#include "sluice/hold_book.h"      // IWYU pragma: export
#include "sluice/keyed_limiter.h"  // IWYU pragma: export
#include "sluice/quota.h"          // IWYU pragma: export
#include "sluice/result.h"         // IWYU pragma: export
#include "sluice/time.h"           // IWYU pragma: export
#include "sluice/wait.h"           // IWYU pragma: export
