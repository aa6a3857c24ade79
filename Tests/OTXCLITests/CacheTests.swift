import Foundation
import OTXCore
import Testing

@testable import OTXCLI

/// The cache knows what is in use, and removes nothing of that.
@Suite struct CacheTests {
  /// A cache with two versions of libtorch; a checkout uses the newer one.
  private struct Scene {
    let place: Playground
    var cache: URL { place.root.appending(path: "cache").resolvingSymlinksInPath() }

    init() throws {
      place = try Playground([
        "cache/sdk/torch-2.15.0/lib/libtorch_cpu.so", "cache/sdk/torch-2.14.0/lib/libtorch_cpu.so",
        "cache/weights/resnet18.pth", "cache/precision.json", "cache/staging/wheels/half.whl",
        "cache/lock", "cache/unknown/thing",
      ])
      try place.write(
        String(repeating: "x", count: 100_000),
        to: "cache/sdk/torch-2.14.0/lib/big.so"
      )
      for (key, version) in [("new", "2.15.0"), ("old", "2.14.0")] {
        let runpath = "\0$ORIGIN/torch/lib:\(cache.path)/sdk/torch-\(version)/lib\0"
        try place.write(runpath, to: "cache/shims/torch-\(key)/libotx_torch.so")
      }
      try link("checkout/.sdk/shims", to: "new")
      try place.write(place.path("checkout/.sdk/shims") + "\n", to: "cache/users/a")
      try place.write(place.path("deleted/.sdk/shims") + "\n", to: "cache/users/b")
    }

    func link(_ folder: String, to key: String) throws {
      try place.write("", to: "\(folder)/.keep")
      try FileManager.default.createSymbolicLink(
        atPath: place.path("\(folder)/libotx_torch.so"),
        withDestinationPath: cache.path + "/shims/torch-\(key)/libotx_torch.so"
      )
    }

    func run(_ line: String) async -> CommandResult {
      await CurrentCache.$override.withValue(cache) { await otx("cache \(line)") }
    }

    func exists(_ path: String) -> Bool {
      FileManager.default.fileExists(atPath: cache.appending(path: path).path)
    }

    /// Nothing runs, and this program has no shims.
    var inventory: CacheInventory {
      CacheInventory(root: cache, ownShims: [], processes: place.root.appending(path: "proc"))
    }
  }

  @Test func saysWhatUsesWhat() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    let users = Dictionary(uniqueKeysWithValues: scene.inventory.items.map { ($0.name, $0.users) })
    let checkout = [scene.place.root.resolvingSymlinksInPath().path + "/checkout/.sdk/shims"]
    #expect(
      users["torch-2.15.0"]?.map { URL(filePath: $0).resolvingSymlinksInPath().path } == checkout
    )
    #expect(users["torch-new"]?.count == 1)
    for name in ["torch-2.14.0", "torch-old", "precision.json", "resnet18.pth", "staging"] {
      #expect(users[name] == [], "\(name)")
    }
    #expect(users["unknown"] == nil, "what we did not put there is not ours")
    let listing = await scene.run("list")
    #expect(listing.output.contains("| torch-2.14.0   | library      |"), "\(listing.output)")
    #expect(listing.output.contains("| together "))
  }

  @Test func cleansWhatNothingUses() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    let dry = await scene.run("clean --dry-run")
    #expect(dry.output.contains("would remove torch-2.14.0"))
    #expect(scene.exists("sdk/torch-2.14.0"))
    let result = await scene.run("clean")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("freed "))
    for gone in ["sdk/torch-2.14.0", "shims/torch-old", "staging", "users/b"] {
      #expect(!scene.exists(gone), "\(gone)")
    }
    for kept in [
      "sdk/torch-2.15.0", "shims/torch-new", "weights/resnet18.pth", "precision.json", "users/a",
      "unknown/thing",
    ] {
      #expect(scene.exists(kept), "\(kept)")
    }
    #expect(await scene.run("clean").output.hasPrefix("nothing to remove"))
    #expect(await scene.run("clean --all --json").output.contains("precision.json"))
    #expect(!scene.exists("weights/resnet18.pth"))
    #expect(scene.exists("sdk/torch-2.15.0"))
  }

  @Test func whatIsInUseIsRefusedByName() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    let result = await scene.run("clean torch-2.15.0")
    #expect(result.status == 64)
    #expect(result.errors.contains("torch-2.15.0 is in use by"))
    #expect(scene.exists("sdk/torch-2.15.0"))
    #expect(await scene.run("clean torch-2.14.0").status == 0)
    #expect(!scene.exists("sdk/torch-2.14.0") && scene.exists("shims/torch-old"))
  }

  @Test func runningProgramsAreUsers() throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    let line = "7f00-7f01 r-xp 0 08:01 1 \(scene.cache.path)/sdk/torch-2.14.0/lib/libtorch_cpu.so\n"
    try scene.place.write(line, to: "proc/4711/maps")
    let item = scene.inventory.items.first { $0.name == "torch-2.14.0" }
    #expect(item?.users == ["process 4711"])
  }

  @Test func waitsForNoSetUp() async throws {
    let scene = try Scene()
    defer { scene.place.remove() }
    let lock = open(scene.cache.path + "/lock", O_RDWR)
    #expect(flock(lock, LOCK_EX) == 0)
    defer { close(lock) }
    let result = await scene.run("clean")
    #expect(result.status == 1)
    #expect(result.errors.contains("a set-up is running"))
    #expect(scene.exists("sdk/torch-2.14.0"))
  }

  @Test func filesWithASecondNameFreeNothing() throws {
    let place = try Playground()
    defer { place.remove() }
    try place.write(String(repeating: "x", count: 50_000), to: "a/file")
    try place.write("", to: "b/other")
    #expect(link(place.path("a/file"), place.path("b/file")) == 0)
    #expect(link(place.path("a/file"), place.path("a/again")) == 0)
    let size = DiskUsage.of(place.root.appending(path: "a"))
    #expect(size.total >= 50_000 && size.total < 100_000)
    #expect(size.removable < 50_000)
    #expect(1536.asBytes == "1.5 KiB" && 12.asBytes == "12 bytes")
  }
}
