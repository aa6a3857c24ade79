import OTXCore
import OTXTensor

/// Files whose weights are laid out in another way than the network's, beyond their names.
enum PublishedLayout {
  /// The weights as the networks here have them; as they are where nothing is known of the file.
  ///
  /// - Throws: `TensorError`.
  static func adapted(_ state: StateDictionary) throws -> StateDictionary {
    try visionTransformerWithRegisters(state)
  }

  /// DINOv2 with registers, as its authors publish it.
  ///
  /// Their class token has a position, the first of the table; here (and in timm) it is added to the
  /// token, and the table is that of the patches alone.
  private static func visionTransformerWithRegisters(
    _ state: StateDictionary
  ) throws -> StateDictionary {
    let ending = "register_tokens"
    guard let name = state.names.first(where: { $0 == ending || $0.hasSuffix("." + ending) }) else {
      return state
    }
    let prefix = String(name.dropLast(ending.count))
    let (tokenName, tableName) = (prefix + "cls_token", prefix + "pos_embed")
    guard let registers = state[name], let token = state[tokenName], let table = state[tableName],
      table.shape.count == 3, table.shape[1] > 1, token.shape == [1, 1, table.shape[2]]
    else { return state }
    let positions = try Tensor(table)
    let own = try positions.narrow(dim: 1, start: 0, length: 1)
    let patches = try positions.narrow(dim: 1, start: 1, length: table.shape[1] - 1)
    var result = state
    result[tokenName] = try (Tensor(token) + own).arrayBuffer()
    result[tableName] = try patches.arrayBuffer()
    result[name] = nil
    result[prefix + "reg_token"] = registers
    return result
  }
}
