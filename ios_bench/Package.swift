// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "MobileRobustBench",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "BenchCore", targets: ["BenchCore"]),
        .library(name: "BenchCoreML", targets: ["BenchCoreML"]),
        .executable(name: "benchmark", targets: ["benchmark"]),
    ],
    targets: [
        .target(name: "BenchCore"),
        .target(name: "BenchCoreML", dependencies: ["BenchCore"]),
        .executableTarget(name: "benchmark", dependencies: ["BenchCore", "BenchCoreML"]),
        .testTarget(name: "BenchCoreTests", dependencies: ["BenchCore"]),
    ]
)
