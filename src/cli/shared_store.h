#pragma once

#include <memory>
#include <variant>

#include "cli/context.h"
#include "itemgate/client.h"
#include "itemgate/itemgate.h"

namespace itemgate::cli {

/// What servers share, behind one of them (--server) or in the database itself (--store).
using SharedStore = std::variant<std::unique_ptr<Client>, std::unique_ptr<Itemgate>>;

/// Opens the one that was named; connects to no server yet. kInvalidArgument if it is not exactly one.
[[nodiscard]] Result<SharedStore> OpenSharedStore(const CommonOptions& options);

}  // namespace itemgate::cli
