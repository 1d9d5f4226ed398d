// SPDX-License-Identifier: Apache-2.0

import Delivery
import Links
import Peers

/// Delivery asks it for the pins of peers.
extension PeerKeeper: PeerPins {}

/// Delivery asks it about links below TLS.
extension LinkCheck: LinkChecking {}
