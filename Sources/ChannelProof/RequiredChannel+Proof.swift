// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy

extension RequiredChannel {
    /// Seeks what the channel demands in the certificates that the server showed, its own first.
    ///
    /// - Parameter host: the mail host as the MX record names it.
    package func examine(
        _ certificates: [[UInt8]],
        host: String,
        roots: TrustRoots,
        at now: Int64
    ) async -> SecuredChannel {
        let chain: PresentedChain
        do throws(ProofFault) {
            chain = try PresentedChain(certificates)
        } catch {
            return SecuredChannel(
                proof: wantsProof ? .failure(error) : nil,
                observation: observed == nil ? nil : .failure(error)
            )
        }
        var observation: Result<Proof, ProofFault>?
        if observed != nil { observation = await chain.prove(names: [host], roots: roots, at: now) }
        return SecuredChannel(proof: await proof(chain, roots, now), observation: observation)
    }

    private var wantsProof: Bool {
        switch demand {
        case .clearAllowed, .encrypted, .proven(.onion(_, pins: nil)): false
        case .proven: true
        }
    }

    private func proof(_ chain: PresentedChain, _ roots: TrustRoots, _ now: Int64) async -> Result<Proof, ProofFault>? {
        switch demand {
        case .clearAllowed, .encrypted, .proven(.onion(_, pins: nil)): nil
        case .proven(.onion(_, let pins?)), .proven(.pins(let pins)): chain.prove(pins)
        case .proven(.dane(let requirement)): await chain.prove(requirement, at: now)
        case .proven(.publicAuthority(let names)): await chain.prove(names: names, roots: roots, at: now)
        }
    }
}
