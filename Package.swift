// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let environment = Context.environment

/// What every target is built with.
///
/// Warnings are errors in CI.
let shared: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .define("POSTERN_TEST_BUILD", .when(configuration: .debug)),
    ] + (environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

/// For the targets that wrap a C library or touch raw memory.
let wrapper: [SwiftSetting] = shared + [.strictMemorySafety()]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")

/// Pure targets: no sockets, files, clock or channel handlers.
let pure: [Target] = [
    .target(name: "Commitment", swiftSettings: shared),
    .target(name: "Mail", swiftSettings: shared),
    .target(name: "SMTPWire", dependencies: ["Mail"], swiftSettings: shared),
    .target(name: "ChannelPolicy", dependencies: ["SMTPWire", "Mail"], swiftSettings: shared),
    .target(
        name: "ChannelProof",
        dependencies: [
            "ChannelPolicy", crypto, .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"),
        ],
        swiftSettings: shared
    ),
]

/// One importer for each C library.
let libraries: [Target] = [
    .systemLibrary(name: "CRNP", pkgConfig: "librnp", providers: [.apt(["librnp-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CUnbound", providers: [.apt(["libunbound-dev"])]),
    .target(name: "CTOML", cxxSettings: [.unsafeFlags(["-O2"])]),
    .target(name: "CSandbox", cSettings: [.unsafeFlags(["-O2"])]),
]

/// Each owns one outside thing.
let services: [Target] = [
    .target(
        name: "Privacy",
        dependencies: [.product(name: "Logging", package: "swift-log"), crypto],
        swiftSettings: wrapper
    ),
    .target(name: "Settings", dependencies: ["CTOML", "ChannelPolicy", "Commitment", "Mail"], swiftSettings: wrapper),
    .target(name: "DNSResolver", dependencies: ["CUnbound", "SMTPWire", "Privacy"], swiftSettings: wrapper),
    .target(name: "OpenPGPWorker", dependencies: ["CRNP", "CSandbox", "OpenPGP"], swiftSettings: wrapper),
    .target(name: "OperatingSystem", swiftSettings: wrapper),
    .target(
        name: "OpenPGP",
        dependencies: ["OperatingSystem", "Mail", "Privacy", crypto, cryptoExtras],
        swiftSettings: wrapper
    ),
    .target(name: "Vault", dependencies: ["Privacy", crypto, cryptoExtras], swiftSettings: wrapper),
    .target(
        name: "SMTPTransport",
        dependencies: ["SMTPWire", "Mail", "Privacy", nioCore, nioPosix, nioSSL],
        swiftSettings: shared
    ),
    .target(
        name: "Dial",
        dependencies: [
            "ChannelPolicy", "ChannelProof", "SMTPTransport", "SMTPWire", "Mail", "Privacy", nioCore, nioPosix, nioSSL,
            crypto,
        ],
        swiftSettings: shared
    ),
    .target(
        name: "Fetch",
        dependencies: [
            "ChannelPolicy", "ChannelProof", "DNSResolver", "SMTPWire", "Mail", "Privacy", "Settings", nioCore,
            nioPosix, nioSSL, nioHTTP1, .product(name: "NIOTLS", package: "swift-nio"),
        ],
        swiftSettings: shared
    ),
    .target(
        name: "Store",
        dependencies: ["OperatingSystem", "Vault", "Mail", "Privacy", grdb, crypto],
        swiftSettings: wrapper
    ),
    .target(
        name: "Accounts",
        dependencies: ["Store", "Vault", "Mail", "Privacy", cryptoExtras, crypto],
        swiftSettings: shared
    ),
    .target(
        name: "DovecotAuth",
        dependencies: ["SMTPWire", "Privacy", nioCore, nioPosix],
        swiftSettings: shared
    ),
    .target(name: "Keyring", dependencies: ["Store", "OpenPGP", "Mail", "Privacy"], swiftSettings: shared),
    .target(
        name: "Peers",
        dependencies: ["ChannelPolicy", "Store", "OpenPGP", "Mail", "Privacy"],
        swiftSettings: shared
    ),
    .target(
        name: "Delivery",
        dependencies: [
            "ChannelPolicy", "ChannelProof", "Dial", "DNSResolver", "SMTPTransport", "SMTPWire", "Mail", "Privacy",
            "Settings", nioCore, nioPosix,
        ],
        swiftSettings: shared
    ),
    .target(
        name: "ChannelRecords",
        dependencies: [
            "CZlib", "ChannelPolicy", "Delivery", "DNSResolver", "Fetch", "Store", "Mail", "Privacy",
        ],
        swiftSettings: wrapper
    ),
    .target(name: "Links", dependencies: ["SMTPWire", "Settings"], swiftSettings: wrapper),
    .target(name: "Control", dependencies: ["Privacy", nioCore, nioPosix], swiftSettings: wrapper),
    .target(name: "LocalMail", dependencies: ["Vault", "SMTPWire", "Mail"], swiftSettings: shared),
    .target(
        name: "Pipeline",
        dependencies: [
            "Accounts", "DNSResolver", "Keyring", "Store", "OpenPGP", "Mail", "Privacy", "Settings", "Vault",
            "SMTPWire", crypto,
        ],
        swiftSettings: shared
    ),
    .target(
        name: "Gateway",
        dependencies: [
            "Pipeline", "Peers", "Links", "Control", "LocalMail", "ChannelPolicy", "ChannelProof", "ChannelRecords",
            "Fetch", "Delivery", "Dial", "DNSResolver", "Accounts", "DovecotAuth", "Keyring",
            "Store", "Vault", "OpenPGP", "OperatingSystem", "SMTPTransport", "SMTPWire", "Mail", "Privacy", "Settings",
            "Commitment", nioCore, nioPosix, nioSSL, crypto, cryptoExtras,
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"),
        ],
        swiftSettings: wrapper
    ),
    .target(
        name: "Probe",
        dependencies: [
            "ChannelPolicy", "ChannelProof", "DNSResolver", "Delivery", "Dial", "Fetch", "Mail", "SMTPTransport",
            "SMTPWire", nioCore, nioPosix,
            .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"),
        ],
        swiftSettings: shared
    ),
    .target(
        name: "Setup",
        dependencies: [
            "Delivery", "Dial", "DNSResolver", "Store", "Vault", "OperatingSystem", "SMTPTransport", "SMTPWire", "Mail",
            "Settings",
            "Commitment", nioCore, nioPosix,
            .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"),
        ],
        swiftSettings: shared
    ),
    .executableTarget(
        name: "postern",
        dependencies: [
            "Gateway", "Peers", "Probe", "ChannelPolicy", "ChannelRecords", "DNSResolver", "Delivery", "Fetch",
            "OperatingSystem",
            "Setup",
            "OpenPGPWorker", "OpenPGP", "Control",
            "LocalMail", "SMTPWire", "Settings", "Store",
            "Vault", "Accounts", "Keyring",
            "Privacy", "Mail",
            "Commitment",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        swiftSettings: shared
    ),
]

let tests: [Target] = [
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: shared),
    .testTarget(name: "CommitmentTests", dependencies: ["Commitment"], swiftSettings: shared),
    .testTarget(name: "MailTests", dependencies: ["TestSupport", "Mail"], swiftSettings: shared),
    .testTarget(name: "SMTPWireTests", dependencies: ["TestSupport", "SMTPWire", "Mail"], swiftSettings: shared),
    .testTarget(
        name: "ChannelPolicyTests",
        dependencies: [
            "ChannelPolicy", "ChannelProof", crypto,
            .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"),
        ],
        swiftSettings: shared
    ),
    .testTarget(name: "PrivacyTests", dependencies: ["Privacy"], swiftSettings: shared),
    .testTarget(
        name: "SettingsTests",
        dependencies: ["Settings", "ChannelPolicy", "Commitment", "Mail"],
        exclude: ["Fixtures"],
        swiftSettings: shared
    ),
    .testTarget(
        name: "DNSResolverTests",
        dependencies: ["TestSupport", "DNSResolver", "SMTPWire", "Privacy"],
        swiftSettings: shared
    ),
    .testTarget(
        name: "OpenPGPTests",
        dependencies: ["TestSupport", "OpenPGP", "Mail", "Privacy", crypto],
        swiftSettings: shared
    ),
    .testTarget(name: "VaultTests", dependencies: ["Vault", "Privacy"], swiftSettings: shared),
    .testTarget(name: "StoreTests", dependencies: ["Store", "Vault", "Mail", "Privacy", grdb], swiftSettings: shared),
    .testTarget(
        name: "AccountsTests",
        dependencies: ["Accounts", "Store", "Vault", "Mail", "Privacy"],
        swiftSettings: shared
    ),
    .testTarget(
        name: "DovecotAuthTests",
        dependencies: ["DovecotAuth", "Privacy", nioCore, nioPosix],
        swiftSettings: shared
    ),
    .testTarget(
        name: "KeyringTests",
        dependencies: ["Keyring", "OpenPGP", "Store", "Vault", "Mail", "Privacy"],
        swiftSettings: shared
    ),
    .testTarget(name: "LinksTests", dependencies: ["Links", "SMTPWire", "Settings"], swiftSettings: shared),
    .testTarget(
        name: "PeersTests",
        dependencies: ["TestSupport", "Peers", "ChannelPolicy", "OpenPGP", "Store", "Vault", "Mail", "Privacy"],
        swiftSettings: shared
    ),
    .testTarget(
        name: "SMTPTransportTests",
        dependencies: [
            "TestSupport",
            "SMTPTransport", "SMTPWire", "Mail", "Privacy", nioCore, nioPosix, nioSSL,
            .product(name: "NIOEmbedded", package: "swift-nio"),
        ],
        swiftSettings: shared
    ),
    .testTarget(
        name: "DialTests",
        dependencies: [
            "TestSupport", "Dial", "ChannelPolicy", "ChannelProof", "SMTPTransport", "SMTPWire", "Mail", "Privacy",
            nioCore, nioPosix, nioSSL, crypto,
        ],
        swiftSettings: shared
    ),
    .testTarget(
        name: "DeliveryTests",
        dependencies: [
            "ChannelPolicy", "ChannelProof", "Delivery", "Dial", "DNSResolver", "SMTPTransport", "SMTPWire", "Mail",
            "Privacy", "Settings", nioCore,
            nioPosix,
        ],
        swiftSettings: shared
    ),
    .testTarget(
        name: "FetchTests",
        dependencies: [
            "Fetch", "ChannelPolicy", "ChannelProof", "DNSResolver", "SMTPWire", "Privacy", "Settings", nioCore,
            nioPosix, nioSSL, crypto, cryptoExtras, .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"),
        ],
        swiftSettings: shared
    ),
    .testTarget(
        name: "ChannelRecordsTests",
        dependencies: [
            "ChannelRecords", "ChannelPolicy", "Delivery", "DNSResolver", "Fetch", "Store", "Vault", "Mail", "Privacy",
        ],
        swiftSettings: shared
    ),
    .testTarget(
        name: "LocalMailTests",
        dependencies: ["LocalMail", "Vault", "SMTPWire", "Mail", "Privacy"],
        swiftSettings: shared
    ),
    .testTarget(name: "ControlTests", dependencies: ["Control", "Privacy"], swiftSettings: shared),
    .testTarget(
        name: "PipelineTests",
        dependencies: [
            "Pipeline", "Accounts", "DNSResolver", "Keyring", "Store", "OpenPGP", "Vault", "SMTPWire", "Mail",
            "Privacy", "Settings", "Commitment",
        ],
        swiftSettings: shared
    ),
    .testTarget(
        name: "ProbeTests",
        dependencies: [
            "TestSupport", "Probe", "DNSResolver", "Dial", "Fetch", "SMTPTransport", "SMTPWire", "Mail", nioCore,
            nioPosix, nioSSL, crypto, "ChannelPolicy",
        ],
        swiftSettings: shared
    ),
    .testTarget(
        name: "SetupTests",
        dependencies: [
            "TestSupport", "Setup", "DNSResolver", "Delivery", "SMTPWire", "Mail", "Settings", "Commitment", "Gateway",
            "Privacy",
        ],
        swiftSettings: shared
    ),
    .testTarget(
        name: "GatewayTests",
        dependencies: [
            "Gateway", "ChannelPolicy", "ChannelRecords", "Control", "Pipeline", "Delivery", "Store", "Vault",
            "SMTPTransport",
            "SMTPWire",
            "Mail", "Privacy", "Settings", "Accounts", "Commitment", "DNSResolver", "Keyring",
            nioCore, nioPosix, .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"),
        ],
        swiftSettings: shared
    ),
]

/// Only on request: `make bench` sets the variable.
let benchmarks: [Target] =
    environment["POSTERN_BENCHMARKS"] == nil
    ? []
    : [
        .executableTarget(
            name: "Measure",
            dependencies: [
                "ChannelPolicy", "Delivery", "DNSResolver", "SMTPTransport", "Settings", nioPosix,
                "OpenPGP", "CRNP", "Mail", "Privacy", "Store", "Vault", crypto, cryptoExtras,
            ],
            path: "Benchmarks/Measure",
            swiftSettings: [.swiftLanguageMode(.v6)]
        )
    ]

let package = Package(
    name: "postern",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.1"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: pure + libraries + services + tests + benchmarks,
    cxxLanguageStandard: .cxx17
)
