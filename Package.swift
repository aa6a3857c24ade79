// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

/// A Swift target under `Sources/`, with the house's compiler settings.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The tests of one target under `Tests/`.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name,
    dependencies: dependencies + ["OTXTesting"],
    resources: [.copy("Goldens")],
    swiftSettings: settings
  )
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser",
  package: "swift-argument-parser"
)
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let http: [Target.Dependency] = [
  .product(name: "HTTPTypes", package: "swift-http-types"),
  .product(name: "Hummingbird", package: "hummingbird"),
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
  .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
  .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
]

let package = Package(
  name: "otx-swift",
  products: [
    .library(name: "OTX", targets: ["OTX"]),
    .library(name: "OTXCLI", targets: ["OTXCLI"]),
    .library(name: "OTXTuning", targets: ["OTXTuning"]),
    .executable(name: "otx", targets: ["OTXMain"]),
    .executable(name: "otx-run", targets: ["OTXDeployRunner"]),
    .library(name: "otx_run", type: .dynamic, targets: ["OTXRunnerC"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // Pure Swift: builds and tests in seconds.
    module("OTXCore"),
    .target(
      name: "OTXRecipe",
      dependencies: ["OTXCore", "OTXTuning", yams],
      swiftSettings: settings,
      plugins: ["EmbedRecipes"]
    ),
    .plugin(name: "EmbedRecipes", capability: .buildTool()),
    module("OTXReport", ["OTXCore"]),
    module("OTXTuning", [grdb]),

    // Pictures: C libraries of the system.
    .systemLibrary(
      name: "CTurboJPEG",
      pkgConfig: "libturbojpeg",
      providers: [.apt(["libturbojpeg0-dev"])]
    ),
    .target(name: "CPNG", linkerSettings: [.linkedLibrary("png16")]),
    .target(name: "CTIFF", linkerSettings: [.linkedLibrary("tiff")]),
    .systemLibrary(name: "CWebP", pkgConfig: "libwebpdemux", providers: [.apt(["libwebp-dev"])]),
    .target(
      name: "COpenCV",
      cxxSettings: [.headerSearchPath("opencv4")],
      linkerSettings: [.linkedLibrary("opencv_core"), .linkedLibrary("opencv_imgproc")]
    ),
    module("OTXImage", ["OTXCore", "COpenCV", "CTurboJPEG", "CPNG", "CTIFF", "CWebP"]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    module("OTXData", ["CZlib", "OTXCore", "OTXImage", yams]),

    // libtorch, reached through a table of functions that is loaded at first use.
    .target(name: "CTorch"),
    module("OTXTensor", ["CTorch", "OTXCore"]),
    module("OTXNN", ["OTXCore", "OTXTensor"]),
    module("OTXModels", ["OTXCore", "OTXNN", "OTXTensor"]),
    module("OTXTorch", ["OTXCore", "OTXData", "OTXModels", "OTXNN", "OTXTensor"]),

    // OpenVINO, reached in the same way.
    .target(name: "COpenVINO"),
    module("OTXOpenVINO", ["COpenVINO", "OTXCore"]),

    // What runs deployed models: no libtorch, no datasets. `otx-run` opens the library, which C programs use, too.
    .target(name: "CVideo4Linux"),
    module("OTXInference", ["CVideo4Linux", "OTXCore", "OTXImage", "OTXOpenVINO"]),
    // The page and the HTTP interface; only the two programs that run deployed models import it.
    .target(
      name: "OTXServer",
      dependencies: ["OTXCore", "OTXImage", "OTXInference", logging] + http,
      resources: [.embedInCode("Resources/page.html"), .embedInCode("Resources/openapi.json")],
      swiftSettings: settings
    ),
    .systemLibrary(name: "COTXRun"),
    module("OTXRunnerC", ["COTXRun", "OTXCore", "OTXImage", "OTXInference", "OTXServer"]),
    .executableTarget(name: "OTXDeployRunner"),

    module("OTXONNX", ["OTXCore"]),

    // Published weights, and HTTP by the system's libcurl, which is loaded at the first download.
    .target(name: "CCurl"),
    module("OTXWeights", ["CCurl", "OTXCore"]),

    // Everything together.
    .target(
      name: "OTX",
      dependencies: [
        "OTXCore", "OTXData", "OTXImage", "OTXModels", "OTXNN", "OTXONNX", "OTXOpenVINO",
        "OTXRecipe", "OTXReport", "OTXTensor", "OTXTorch", "OTXTuning", "OTXWeights", logging,
      ],
      resources: [
        .embedInCode("Deployment/otx_run.h"), .embedInCode("Deployment/example_c.txt"),
      ],
      swiftSettings: settings
    ),
    module(
      "OTXCLI",
      [
        "OTX", "OTXCore", "OTXData", "OTXImage", "OTXInference", "OTXOpenVINO", "OTXRecipe",
        "OTXServer", "OTXTensor",
        "OTXTuning", "OTXWeights", argumentParser, logging,
      ]
    ),
    .executableTarget(
      name: "OTXMain",
      dependencies: ["OTXCLI", argumentParser],
      swiftSettings: settings
    ),

    // The program of the README's "ten lines of Swift".
    .executableTarget(
      name: "QuickStart",
      dependencies: ["OTX"],
      path: "Examples/QuickStart",
      swiftSettings: settings
    ),

    // Ratios against a peer in the same run.
    .executableTarget(
      name: "OTXBenchmarks",
      dependencies: [
        "OTXCore", "OTXData", "OTXImage", "OTXModels", "OTXNN", "OTXRecipe", "OTXTensor",
        "OTXTesting", "OTXTorch", "OTXTuning",
        argumentParser,
      ],
      path: "Benchmarks/OTXBenchmarks",
      swiftSettings: settings
    ),

    // Tests, and what they share.
    module("OTXTesting", ["OTXCore", "OTXImage", "OTXTuning"]),
    tests("OTXCoreTests", ["OTXCore"]),
    tests("OTXRecipeTests", ["OTXCore", "OTXData", "OTXImage", "OTXRecipe", "OTXTuning"]),
    tests("OTXReportTests", ["OTXCore", "OTXReport"]),
    .testTarget(
      name: "OTXTuningTests",
      dependencies: ["OTXTesting", "OTXTuning", grdb],
      swiftSettings: settings
    ),
    tests("OTXWeightsTests", ["OTXCore", "OTXWeights"]),
    tests("OTXImageTests", ["OTXCore", "OTXImage"]),
    tests("OTXDataTests", ["OTXCore", "OTXData", "OTXImage"]),
    tests("OTXTensorTests", ["OTXCore", "OTXTensor"]),
    tests("OTXNNTests", ["OTXCore", "OTXNN", "OTXOpenVINO", "OTXTensor"]),
    tests(
      "OTXModelsTests",
      ["OTXCore", "OTXModels", "OTXNN", "OTXONNX", "OTXOpenVINO", "OTXTensor"]
    ),
    tests("OTXTorchTests", ["OTXCore", "OTXData", "OTXModels", "OTXNN", "OTXTensor", "OTXTorch"]),
    tests("OTXONNXTests", ["OTXCore", "OTXONNX", "OTXOpenVINO", "OTXTensor"]),
    tests("OTXOpenVINOTests", ["OTXCore", "OTXData", "OTXOpenVINO", "OTXTensor"]),
    tests("OTXInferenceTests", ["OTXCore", "OTXImage", "OTXInference", "OTXOpenVINO"]),
    .testTarget(
      name: "OTXServerTests",
      dependencies: [
        "OTXCore", "OTXImage", "OTXInference", "OTXOpenVINO", "OTXServer", "OTXTesting",
      ],
      swiftSettings: settings
    ),
    tests(
      "OTXTests",
      [
        "OTX", "OTXCore", "OTXData", "OTXImage", "OTXModels", "OTXOpenVINO", "OTXRecipe",
        "OTXTensor", "OTXTorch", "OTXTuning", "OTXWeights",
      ]
    ),
    tests(
      "OTXCLITests",
      [
        "OTX", "OTXCLI", "OTXCore", "OTXData", "OTXImage", "OTXInference", "OTXRecipe", "OTXTuning",
        "OTXWeights",
      ]
    ),
  ],
  cxxLanguageStandard: .cxx20
)
