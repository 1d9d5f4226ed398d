# SPDX-License-Identifier: Apache-2.0
"""A DNS of one's own: a signed tree from the root down, who serves it, who validates it, and servers that misbehave."""
