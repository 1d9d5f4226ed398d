# SPDX-License-Identifier: Apache-2.0
"""Real peers, each a private instance with its own directories and ports on loopback."""
