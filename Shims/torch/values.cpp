// Values of the C table to libtorch's and back.
#include <cstdlib>

#include "shim.h"

namespace otx {

c10::IValue unpack(const OTXValue &value, bool wantsDouble) {
  switch (value.tag) {
    case OTXTagNone: return {};
    case OTXTagTensor: return borrow(value.as.tensor);
    case OTXTagInt:
      if (wantsDouble) return static_cast<double>(value.as.integer);
      return value.as.integer;
    case OTXTagDouble: return value.as.real;
    case OTXTagBool: return value.as.integer != 0;
    case OTXTagString: return std::string(value.as.text);
    case OTXTagDevice: return device(value.as.integer);
    case OTXTagInts: {
      c10::List<int64_t> list;
      list.reserve(value.count);
      for (size_t i = 0; i < value.count; ++i) list.push_back(value.as.integers[i]);
      return list;
    }
    case OTXTagDoubles: {
      c10::List<double> list;
      list.reserve(value.count);
      for (size_t i = 0; i < value.count; ++i) list.push_back(value.as.reals[i]);
      return list;
    }
    case OTXTagBools: {
      c10::List<bool> list;
      list.reserve(value.count);
      for (size_t i = 0; i < value.count; ++i) list.push_back(value.as.integers[i] != 0);
      return list;
    }
    case OTXTagTensors: {
      c10::List<at::Tensor> list;
      list.reserve(value.count);
      for (size_t i = 0; i < value.count; ++i) list.push_back(borrow(value.as.tensors[i]));
      return list;
    }
    case OTXTagOptionalTensors: {
      c10::List<std::optional<at::Tensor>> list;
      list.reserve(value.count);
      for (size_t i = 0; i < value.count; ++i)
        if (value.as.tensors[i])
          list.push_back(borrow(value.as.tensors[i]));
        else
          list.push_back(std::nullopt);
      return list;
    }
    default: TORCH_CHECK(false, "a value of unknown kind ", static_cast<int>(value.tag));
  }
}

namespace {

template <typename Element>
Element *allocate(size_t count) {
  auto *memory = static_cast<Element *>(std::malloc(std::max<size_t>(count, 1) * sizeof(Element)));
  if (!memory) throw std::bad_alloc();
  return memory;
}

OTXValue integers(OTXTag tag, size_t count, int64_t *list) {
  OTXValue result{};
  result.tag = tag;
  result.as.integers = list;
  result.count = count;
  return result;
}

}  // namespace

OTXValue packed(c10::IValue value) {
  OTXValue result{};
  result.tag = OTXTagOther;
  if (value.isNone()) {
    result.tag = OTXTagNone;
  } else if (value.isTensor()) {
    result.tag = OTXTagTensor;
    result.as.tensor = give(std::move(value).toTensor());
  } else if (value.isBool()) {
    result.tag = OTXTagBool;
    result.as.integer = value.toBool();
  } else if (value.isInt() || value.isSymInt()) {
    result.tag = OTXTagInt;
    result.as.integer = value.isInt() ? value.toInt() : value.toSymInt().expect_int();
  } else if (value.isDouble()) {
    result.tag = OTXTagDouble;
    result.as.real = value.toDouble();
  } else if (value.isString()) {
    result.tag = OTXTagString;
    result.count = value.toStringRef().size();
    auto *text = allocate<char>(result.count + 1);
    std::copy_n(value.toStringRef().c_str(), result.count + 1, text);
    result.as.text = text;
  } else if (value.isDevice()) {
    result.tag = OTXTagDevice;
    result.as.integer = pack(value.toDevice());
  } else if (value.isTensorList()) {
    auto list = value.toTensorVector();
    auto **tensors = allocate<OTXTensor *>(list.size());
    for (size_t i = 0; i < list.size(); ++i) tensors[i] = give(std::move(list[i]));
    result.tag = OTXTagTensors;
    result.as.tensors = tensors;
    result.count = list.size();
  } else if (value.isIntList()) {
    auto list = value.toIntVector();
    auto *copy = allocate<int64_t>(list.size());
    std::copy(list.begin(), list.end(), copy);
    result = integers(OTXTagInts, list.size(), copy);
  } else if (value.isBoolList()) {
    auto list = value.toBoolList();
    auto *copy = allocate<int64_t>(list.size());
    for (size_t i = 0; i < list.size(); ++i) copy[i] = list.get(i);
    result = integers(OTXTagBools, list.size(), copy);
  } else if (value.isDoubleList()) {
    auto list = value.toDoubleVector();
    auto *copy = allocate<double>(list.size());
    std::copy(list.begin(), list.end(), copy);
    result.tag = OTXTagDoubles;
    result.as.reals = copy;
    result.count = list.size();
  }
  return result;
}

void freeList(OTXValue value) {
  switch (value.tag) {
    case OTXTagString: std::free(const_cast<char *>(value.as.text)); break;
    case OTXTagInts:
    case OTXTagBools: std::free(const_cast<int64_t *>(value.as.integers)); break;
    case OTXTagDoubles: std::free(const_cast<double *>(value.as.reals)); break;
    case OTXTagTensors: std::free(const_cast<OTXTensor **>(value.as.tensors)); break;
    default: break;
  }
}

}  // namespace otx
