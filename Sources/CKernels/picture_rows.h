// Bytes of pictures as numbers. Included once for each instruction set, in a namespace of its own, behind `lanes.h`.

template <typename T>
void normalizePictures(const uint8_t *bytes, const float *mean, const float *scale, void *output, int64_t pixelCount) {
  using V = Lanes<widest>;
  typedef uint8_t Bytes __attribute__((vector_size(widest)));
  // The three channels come round every three vectors.
  float means[3 * widest], scales[3 * widest];
  for (int i = 0; i < 3 * widest; ++i) means[i] = mean[i % 3], scales[i] = scale[i % 3];
  T *to = static_cast<T *>(output);
  const int64_t count = 3 * pixelCount;
  int64_t at = 0;
  for (; at + 3 * widest <= count; at += 3 * widest) {
    for (int part = 0; part < 3 * widest; part += widest) {
      Bytes values;
      std::memcpy(&values, bytes + at + part, sizeof values);
      const auto floats = __builtin_convertvector(values, typename V::Floats);
      V::store(to + at + part, (floats - V::load(means + part)) * V::load(scales + part));
    }
  }
  for (; at < count; ++at) {
    using One = Lanes<1>;
    One::store(to + at, (One::zero() + bytes[at] - mean[at % 3]) * scale[at % 3]);
  }
}

void normalizePicturesFor(
    OTXKernelElement element, const uint8_t *bytes, const float *mean, const float *scale, void *output,
    int64_t pixelCount) {
  if (element == OTXKernelElementBFloat16) normalizePictures<BFloat16>(bytes, mean, scale, output, pixelCount);
  else normalizePictures<float>(bytes, mean, scale, output, pixelCount);
}
