// The program that Scripts/test-consumer.sh builds in a package of its own.
import Foundation
import OTX

@main
struct Consumer {
  static func main() throws {
    print("built on OTX")
  }
}
