import Foundation
import OTXCore
import OTXTesting
import Synchronization
import Testing

@testable import OTXWeights

/// A store in a folder of its own, and a file of weights to fetch into it.
struct StoreScene {
  let folder: TemporaryFolder
  /// A file of weights, 100 kB.
  let payload: Data
  var store: WeightStore

  init(_ environment: [String: String] = [:], published: [PublishedWeights] = []) throws {
    folder = try TemporaryFolder()
    var state = StateDictionary()
    state["conv.weight"] = ArrayBuffer((0..<25_000).map { Float($0) }, shape: [250, 100])
    let file = folder.url.appending(path: "made.pth")
    try CheckpointFile(state: state).write(to: file)
    payload = try Data(contentsOf: file)
    store = WeightStore(
      cache: folder.url.appending(path: "cache"),
      environment: environment,
      published: published
    )
    store.attempts.wait = { _ in }
    // On a busy machine a server of a test may take its time.
    store.attempts.stallSeconds = 600
  }

  var hash: String { WeightStore.hash(of: payload) }

  func row(
    _ url: String,
    _ checksum: PublishedWeights.Checksum? = nil,
    name: String = "resnet18"
  ) -> PublishedWeights {
    PublishedWeights(
      name: name,
      version: "V1",
      fileName: "net.pth",
      url: url,
      checksum: checksum ?? .sha256(hash),
      licence: "MIT",
      inputSize: ImageSize(height: 224, width: 224),
      classCount: 1000,
      page: "https://example.org"
    )
  }

  /// What lies in the store's folder, locks left out.
  var names: [String] {
    let all = try? FileManager.default.contentsOfDirectory(atPath: store.root.path)
    return (all ?? []).filter { !$0.hasPrefix(".lock") }.sorted()
  }

  /// A server that sends the file, or the part that is asked for.
  func server(tag: String = "\"a\"") throws -> LoopbackServer {
    try LoopbackServer { [payload] request, _, connection in
      StoreScene.serve(payload, tag: tag, request, connection)
    }
  }

  static func serve(
    _ payload: Data,
    tag: String,
    _ request: LoopbackServer.Request,
    _ connection: LoopbackServer.Connection
  ) {
    guard let start = request.rangeStart, request.fields["if-range"] == tag else {
      return connection.answer(200, payload, ["ETag": tag])
    }
    guard start < payload.count else {
      return connection.answer(416, [], ["Content-Range": "bytes */\(payload.count)"])
    }
    let range = "bytes \(start)-\(payload.count - 1)/\(payload.count)"
    connection.answer(206, payload[start...], ["ETag": tag, "Content-Range": range])
  }
}

@Suite("Weight store") struct WeightStoreTests {
  @Test("a download is checked, kept by name and hash, and not repeated")
  func download() throws {
    let scene = try StoreScene()
    let server = try scene.server()
    let told = Mutex<[DownloadProgress]>([])
    let row = scene.row(server.url("/net.pth"), .sha256Prefix(String(scene.hash.prefix(8))))
    let item = try scene.store.download(row) { step in told.withLock { $0.append(step) } }
    #expect(try Data(contentsOf: item.file) == scene.payload)
    #expect(item.id == "resnet18-\(scene.hash.prefix(8))" && item.sha256 == scene.hash)
    #expect(item.file.lastPathComponent == "net.pth" && item.byteCount == scene.payload.count)
    #expect(item.licence == "MIT" && item.source == row.url)
    #expect(scene.names == [item.id])
    let last = told.withLock { $0.last }
    #expect(last?.byteCount == scene.payload.count && last?.totalByteCount == scene.payload.count)
    #expect(try scene.store.download(row) == scene.store.weights(named: "resnet18"))
    #expect(server.requests.count == 1)
    #expect(scene.store.weights(named: item.id) == scene.store.items.first)
    #expect(scene.store.weights(named: "resnet50") == nil)
    #expect(scene.store.weights(named: "../weights") == nil)
  }

  @Test("a file is added once, however it is called")
  func add() throws {
    let scene = try StoreScene()
    let file = scene.folder.url.appending(path: "made.pth")
    let item = try scene.store.add(file, for: "mobilenet_v3_large")
    #expect(item.name == "mobilenet_v3_large" && item.sha256 == scene.hash)
    #expect(try Data(contentsOf: item.file) == scene.payload)
    #expect(item.source == file.path && item.licence == nil)
    #expect(try scene.store.add(file, for: "mobilenet_v3_large").id == item.id)
    #expect(scene.names == [item.id])
    #expect(throws: ConfigurationError.self) { try scene.store.add(file, for: "../up") }
    let text = try scene.folder.write("no weights", to: "text.pth")
    #expect(throws: ModelError.self) { try scene.store.add(text, for: "resnet18") }
    #expect(scene.names == [item.id])
  }

  @Test("offline, nothing is asked of anybody; what is there is given")
  func offline() throws {
    var scene = try StoreScene()
    let server = try scene.server()
    let row = scene.row(server.url("/net.pth"))
    scene.store.isOffline = true
    let error = #expect(throws: WeightStoreError.self) { try scene.store.download(row) }
    #expect(error?.description.contains("otx weights add FILE --for resnet18") == true)
    #expect(server.requests.isEmpty)
    scene.store.isOffline = false
    let item = try scene.store.download(row)
    scene.store.isOffline = true
    #expect(try scene.store.download(row).id == item.id)
  }

  @Test("what does not hash as it should is removed and said")
  func wrongContent() throws {
    let scene = try StoreScene()
    let server = try scene.server()
    let row = scene.row(server.url("/net.pth"), .sha256Prefix("00000000"))
    let error = #expect(throws: WeightStoreError.self) { try scene.store.download(row) }
    #expect(
      error
        == .wrongChecksum(url: row.url, expected: "00000000", found: scene.hash)
    )
    #expect(error?.description.contains("it was removed") == true)
    #expect(scene.names.isEmpty && server.requests.count == 1)
  }

  @Test("without a checksum, a proxy's page does not pass for weights")
  func page() throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { _, _, connection in
      connection.answer(200, Array("<html>please sign in</html>".utf8))
    }
    let row = scene.row(server.url("/net.pth"), .unpublished)
    let error = #expect(throws: WeightStoreError.self) { try scene.store.download(row) }
    #expect(error?.description.contains("cannot be used and was removed") == true)
    #expect(scene.names.isEmpty)
  }

  @Test("where only the server states a hash, that is checked", arguments: [true, false])
  func statedHash(isRight: Bool) throws {
    let scene = try StoreScene()
    let hash = isRight ? scene.hash : String(repeating: "0", count: 64)
    let server = try LoopbackServer { [payload = scene.payload] request, _, connection in
      if request.target == "/file" { return connection.answer(200, payload) }
      connection.answer(302, [], ["Location": "/file", "X-Linked-Etag": "\"\(hash)\""])
    }
    let row = scene.row(server.url("/resolve"), .unpublished)
    if isRight {
      #expect(try scene.store.download(row).sha256 == hash)
    } else {
      let error = #expect(throws: WeightStoreError.self) { try scene.store.download(row) }
      #expect(error == .wrongChecksum(url: row.url, expected: hash, found: scene.hash))
    }
  }

  @Test("two at once fetch it once")
  func lock() throws {
    let scene = try StoreScene()
    let isAsked = DispatchSemaphore(value: 0)
    let mayAnswer = DispatchSemaphore(value: 0)
    let server = try LoopbackServer { [payload = scene.payload] _, _, connection in
      isAsked.signal()
      mayAnswer.wait()
      connection.answer(200, payload)
    }
    let row = scene.row(server.url("/net.pth"))
    let store = scene.store
    let notes = Mutex<[String]>([])
    let first = OwnThread { try store.download(row).id }
    isAsked.wait()
    let second = OwnThread {
      try store.download(row) { step in
        // It waits by now.
        if notes.withLock({
          $0.append(step.note ?? "")
          return $0.count == 1
        }) {
          mayAnswer.signal()
        }
      }.id
    }
    #expect(try first.value() == second.value())
    #expect(server.requests.count == 1)
    #expect(notes.withLock { $0 } == ["another process downloads it; waiting for that"])
    #expect(scene.names.count == 1)
  }

  @Test("the rows of the manifest are complete")
  func manifest() throws {
    let rows = PublishedWeights.all
    #expect(rows.count >= 45)
    #expect(Set(rows.map { $0.name + " " + $0.version }).count == rows.count)
    for row in rows {
      #expect(row.url.hasPrefix("https://") && row.page.hasPrefix("https://"), "\(row.name)")
      #expect(row.mean.count == 3 && row.std.count == 3 && row.std.allSatisfy { $0 > 0 })
      #expect(["BSD-3-Clause", "Apache-2.0", "MIT"].contains(row.licence), "\(row.name)")
      try StoredWeights.check(name: row.name)
      if row.url.hasPrefix("https://download.pytorch.org/") {
        #expect(row.checksum.digits.count >= 8 && row.fileName.contains(row.checksum.digits))
      }
    }
    let row = rows.first { $0.name == "resnet18" }
    #expect(row?.fileName == "resnet18-f37072fd.pth")
    #expect(row?.checksum == .sha256Prefix("f37072fd"))
  }
}

@Suite("SHA-256") struct SHA256Tests {
  /// Examples of FIPS 180-4's own collection, and lengths around the block's.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1000),
      "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"
    ),
  ])
  func examples(text: String, digits: String) {
    #expect(WeightStore.hash(of: Data(text.utf8)) == digits)
    // In pieces of every size.
    for size in [1, 55, 63, 64, 65, 119] {
      var hash = SHA256()
      let bytes = Array(text.utf8)
      for start in stride(from: 0, to: bytes.count, by: size) {
        Array(bytes[start..<min(start + size, bytes.count)]).withUnsafeBytes { hash.update($0) }
      }
      #expect(hash.finalized() == digits, "\(size)")
    }
  }
}

/// Work in a thread of its own: what waits for others must not hold one of the few that all tests
/// share.
final class OwnThread<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let isDone = DispatchSemaphore(value: 0)

  init(_ body: @escaping @Sendable () throws -> Value) {
    Thread { [self] in
      let outcome = Result { try body() }
      result.withLock { $0 = outcome }
      isDone.signal()
    }.start()
  }

  /// What came out, when it has.
  func value() throws -> Value {
    isDone.wait()
    guard let outcome = result.withLock({ $0 }) else { throw CancellationError() }
    return try outcome.get()
  }
}
