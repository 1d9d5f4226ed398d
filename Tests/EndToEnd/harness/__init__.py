# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end cases share: the gateway under test, its peers, and plain tools to talk to them."""
