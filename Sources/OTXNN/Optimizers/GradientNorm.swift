public import OTXTensor

/// The L2 norm of all gradients together, a scalar that is still on the device; `nil` if there is
/// no gradient.
public func gradientNorm(
  of parameters: [(name: String, parameter: Parameter)]
) throws(TensorError) -> Tensor? {
  let (_, gradients) = try ParameterGroup(parameters).withGradients()
  return try norm(of: gradients)
}

/// Scales all gradients down so that their common norm is at most `maxNorm`.
///
/// Nothing is read back: the factor is computed on the device. Checked against
/// `torch.nn.utils.clip_grad_norm_`.
/// Returns the norm before, a scalar; `nil` if there is no gradient.
@discardableResult
public func clipGradientNorm(
  of parameters: [(name: String, parameter: Parameter)],
  to maxNorm: Double
) throws(TensorError) -> Tensor? {
  let (_, gradients) = try ParameterGroup(parameters).withGradients()
  guard let total = try norm(of: gradients) else { return nil }
  try noGrad { () throws(TensorError) in
    let factor = try ((total + 1e-6).reciprocal() * maxNorm).clamp(max: 1)
    try TensorLists.mul_(gradients, factor)
  }
  return total
}

private func norm(of gradients: [Tensor]) throws(TensorError) -> Tensor? {
  guard !gradients.isEmpty else { return nil }
  return try noGrad { () throws(TensorError) in
    try Tensor.stack(TensorLists.norms(gradients), dim: 0).norm()
  }
}
