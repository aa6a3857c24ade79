import Foundation
import OTXCore
import OTXTesting
import Synchronization
import Testing

@testable import OTXWeights

/// Downloads over connections that are not as they should be.
@Suite("Download") struct DownloadTests {
  @Test("a connection that breaks is taken up where it broke", arguments: [true, false])
  func brokenConnection(byReset: Bool) throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { [payload = scene.payload] request, number, connection in
      guard number < 2 else { return StoreScene.serve(payload, tag: "\"a\"", request, connection) }
      // A third of what is asked for comes.
      let start = request.rangeStart ?? 0
      var fields = ["ETag": "\"a\"", "Content-Length": "\(payload.count - start)"]
      fields["Content-Range"] =
        start > 0 ? "bytes \(start)-\(payload.count - 1)/\(payload.count)" : nil
      connection.head(start > 0 ? 206 : 200, fields)
      connection.send(payload[start..<start + (payload.count - start) / 3])
      if byReset { connection.reset() }
    }
    let notes = Mutex<[String]>([])
    let item = try scene.store.download(scene.row(server.url("/net.pth"))) { step in
      if let note = step.note { notes.withLock { $0.append(note) } }
    }
    #expect(try Data(contentsOf: item.file) == scene.payload)
    #expect(server.requests.count == 3)
    #expect(server.requests[0].rangeStart == nil)
    for request in server.requests.dropFirst() where request.rangeStart != nil {
      #expect(request.fields["if-range"] == "\"a\"")
    }
    // A reset may swallow what was on the way; an orderly end does not.
    if !byReset { #expect(server.requests[1].rangeStart == scene.payload.count / 3) }
    #expect(notes.withLock { $0.count } == 2)
    #expect(notes.withLock { $0.allSatisfy { $0.contains("trying again") } })
  }

  @Test("a server that cannot send parts sends the whole")
  func ignoredRange() throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { [payload = scene.payload] _, number, connection in
      connection.head(200, ["ETag": "\"a\"", "Content-Length": "\(payload.count)"])
      connection.send(number == 0 ? payload.prefix(30_000) : payload[...])
    }
    let item = try scene.store.download(scene.row(server.url("/net.pth")))
    #expect(try Data(contentsOf: item.file) == scene.payload)
    #expect(server.requests.map(\.rangeStart) == [nil, 30_000])
  }

  @Test("a part of a file that is another one by now is thrown away")
  func changedFile() throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { [payload = scene.payload] request, number, connection in
      guard number == 0 else { return StoreScene.serve(payload, tag: "\"b\"", request, connection) }
      connection.head(200, ["ETag": "\"a\"", "Content-Length": "\(payload.count)"])
      connection.send([UInt8](repeating: 7, count: 10_000))
    }
    let item = try scene.store.download(scene.row(server.url("/net.pth")))
    #expect(try Data(contentsOf: item.file) == scene.payload)
    #expect(server.requests[1].fields["if-range"] == "\"a\"")
  }

  @Test("a part that cannot be told from another file's is not built upon")
  func noValidator() throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { [payload = scene.payload] _, number, connection in
      connection.head(200, ["Content-Length": "\(payload.count)"])
      connection.send(number == 0 ? payload.prefix(30_000) : payload[...])
    }
    _ = try scene.store.download(scene.row(server.url("/net.pth")))
    #expect(server.requests.map(\.rangeStart) == [nil, nil])
  }

  @Test("parts that make up no file are thrown away and fetched in one piece")
  func mixture() throws {
    let scene = try StoreScene()
    // The same tag, and yet another content.
    let server = try LoopbackServer { [payload = scene.payload] request, number, connection in
      guard number == 0 else { return StoreScene.serve(payload, tag: "\"a\"", request, connection) }
      connection.head(200, ["ETag": "\"a\"", "Content-Length": "\(payload.count)"])
      connection.send([UInt8](repeating: 7, count: 10_000))
    }
    let item = try scene.store.download(scene.row(server.url("/net.pth")))
    #expect(try Data(contentsOf: item.file) == scene.payload)
    #expect(server.requests.map(\.rangeStart) == [nil, 10_000, nil])
  }

  @Test("what another process left behind is gone on with")
  func leftover() throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { [payload = scene.payload] request, number, connection in
      guard number == 0 else { return StoreScene.serve(payload, tag: "\"a\"", request, connection) }
      connection.head(200, ["ETag": "\"a\"", "Content-Length": "\(payload.count)"])
      connection.send(payload.prefix(50_000))
      connection.waitForEnd()
    }
    let row = scene.row(server.url("/net.pth"))
    let isCancelled = Atomic(false)
    var store = scene.store
    store.attempts.isCancelled = { isCancelled.load(ordering: .acquiring) }
    #expect(throws: CancellationError.self) {
      try store.download(row) {
        if $0.byteCount == 50_000 { isCancelled.store(true, ordering: .releasing) }
      }
    }
    #expect(scene.names.count == 1 && scene.names[0].hasPrefix(".part-"))
    let item = try scene.store.download(row)
    #expect(try Data(contentsOf: item.file) == scene.payload)
    #expect(server.requests.map(\.rangeStart) == [nil, 50_000])
    #expect(scene.names == [item.id])
  }

  @Test("redirects are followed, by path and by address; the parts, too")
  func redirects() throws {
    let scene = try StoreScene()
    let file = try scene.server()
    let server = try LoopbackServer { [address = file.url("/file")] request, _, connection in
      let isFirst = request.target == "/net.pth"
      connection.answer(
        isFirst ? 301 : 307,
        Array("<html>moved</html>".utf8),
        ["Location": isFirst ? "/moved" : address]
      )
    }
    let item = try scene.store.download(scene.row(server.url("/net.pth")))
    #expect(try Data(contentsOf: item.file) == scene.payload)
    #expect(server.requests.map(\.target) == ["/net.pth", "/moved"])
    #expect(file.requests.map(\.target) == ["/file"])
  }

  @Test("redirects without end are an error")
  func redirectLoop() throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { _, _, connection in
      connection.answer(302, [], ["Location": "/net.pth"])
    }
    let error = #expect(throws: WeightStoreError.self) {
      try scene.store.download(scene.row(server.url("/net.pth")))
    }
    #expect(error?.description.contains("leads on and on") == true)
    #expect(server.requests.count == 11)
  }

  @Test("what is not there is not asked for twice", arguments: [403, 404, 410])
  func refused(status: Int) throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { _, _, connection in
      connection.answer(status, Array("no".utf8))
    }
    let row = scene.row(server.url("/net.pth"))
    let error = #expect(throws: WeightStoreError.self) { try scene.store.download(row) }
    #expect(error == .refused(url: row.url, status: status))
    #expect(error?.description.contains("\(status)") == true)
    #expect(server.requests.count == 1)
  }

  @Test("a server that is busy is asked again, as late as it says")
  func busy() throws {
    var scene = try StoreScene()
    let waits = Mutex<[Double]>([])
    scene.store.attempts.wait = { seconds in waits.withLock { $0.append(seconds) } }
    let server = try LoopbackServer { [payload = scene.payload] _, number, connection in
      guard number < 3 else { return connection.answer(200, payload) }
      connection.answer(503, Array("busy".utf8), number == 0 ? ["Retry-After": "7"] : [:])
    }
    _ = try scene.store.download(scene.row(server.url("/net.pth")))
    #expect(waits.withLock { $0 } == [7, 2, 4])
  }

  @Test("after a few tries it is given up")
  func givenUp() throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { _, _, connection in connection.answer(500, []) }
    let row = scene.row(server.url("/net.pth"))
    let error = #expect(throws: WeightStoreError.self) { try scene.store.download(row) }
    #expect(error == .refused(url: row.url, status: 500))
    #expect(server.requests.count == 5)
  }

  @Test("a server that falls silent is given up")
  func silent() throws {
    var scene = try StoreScene()
    scene.store.attempts.stallSeconds = 1
    let server = try LoopbackServer { [payload = scene.payload] _, number, connection in
      guard number == 0 else { return connection.answer(404, []) }
      connection.head(200, ["ETag": "\"a\"", "Content-Length": "\(payload.count)"])
      connection.send(payload.prefix(1000))
      connection.waitForEnd()
    }
    #expect(throws: WeightStoreError.self) {
      try scene.store.download(scene.row(server.url("/net.pth")))
    }
    #expect(server.requests.map(\.rangeStart) == [nil, 1000])
  }

  @Test("nobody at the address: said with what to do")
  func unreachable() throws {
    let scene = try StoreScene()
    let url: String
    do {
      let server = try scene.server()
      url = server.url("/net.pth").replacingOccurrences(of: ":\(server.port)", with: ":1")
    }
    let error = #expect(throws: WeightStoreError.self) { try scene.store.download(scene.row(url)) }
    guard case .unreachable(_, _, let attempts) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(attempts == 5)
    #expect(error?.description.contains("HTTPS_PROXY") == true)
  }

  @Test("a host that has no address is asked for once more")
  func unknownHost() throws {
    let scene = try StoreScene()
    let error = #expect(throws: WeightStoreError.self) {
      try scene.store.download(scene.row("http://weights.invalid/net.pth"))
    }
    guard case .unreachable(_, _, let attempts) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(attempts == 2)
  }

  @Test("a file that is larger than the disk is refused before it comes")
  func noSpace() throws {
    let scene = try StoreScene()
    let server = try LoopbackServer { _, _, connection in
      connection.head(200, ["Content-Length": "\(1 << 60)"])
      connection.send([1, 2, 3])
    }
    let error = #expect(throws: WeightStoreError.self) {
      try scene.store.download(scene.row(server.url("/net.pth")))
    }
    #expect(error?.description.contains("has no room for") == true)
    #expect(server.requests.count == 1)
  }

  @Test("a proxy is asked for what is not excepted")
  func proxy() throws {
    let scene = try StoreScene()
    let proxy = try scene.server()
    var store = scene.store
    store.environment = ["HTTP_PROXY": "http://127.0.0.1:\(proxy.port)"]
    _ = try store.download(scene.row("http://weights.invalid/net.pth"))
    #expect(proxy.requests.map(\.target) == ["http://weights.invalid/net.pth"])
    let server = try scene.server()
    store.environment["NO_PROXY"] = "example.org,127.0.0.1"
    _ = try store.download(scene.row(server.url("/other.pth"), name: "resnet34"))
    #expect(proxy.requests.count == 1 && server.requests.map(\.target) == ["/other.pth"])
  }

  @Test("the small letters of a proxy's variable win")
  func proxySettings() {
    let settings = ProxySettings(environment: [
      "http_proxy": "http://small", "HTTP_PROXY": "http://large", "all_proxy": "socks5h://all",
    ])
    #expect(settings.proxy(for: "http://a/b") == "http://small")
    #expect(settings.proxy(for: "HTTPS://a/b") == "socks5h://all")
    #expect(settings.exceptions.isEmpty)
  }
}
