// swift-tools-version: 6.2
import PackageDescription

// A package of one's own that trains its network with OTX: `swift run OwnModel`. Elsewhere the
// dependency is the repository's address and a version. Scripts/test-consumer.sh builds and runs the
// sources.
let package = Package(
  name: "OwnModel",
  dependencies: [.package(name: "otx-swift", path: "../..")],
  targets: [
    .executableTarget(
      name: "OwnModel",
      dependencies: [
        .product(name: "OTX", package: "otx-swift"),
        .product(name: "OTXCLI", package: "otx-swift"),
      ]
    )
  ]
)
