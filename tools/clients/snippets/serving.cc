// Loads BASE/VERSION as TensorFlow Serving does: the highest version directory, the tag `serve`, the signature
// `serving_default`. Reads int32 inputs [batch, length] from files of their names in DATA and writes each output there.
//
// Usage: serving BASE DATA BATCH LENGTH

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/public/session.h"

namespace fs = std::filesystem;
using tensorflow::Tensor;

fs::path HighestVersion(const fs::path& base) {
  int64_t highest = -1;
  for (const auto& entry : fs::directory_iterator(base)) {
    const std::string name = entry.path().filename();
    if (std::all_of(name.begin(), name.end(), ::isdigit)) highest = std::max<int64_t>(highest, std::stoll(name));
  }
  return base / std::to_string(highest);
}

Tensor Read(const fs::path& file, int64_t batch, int64_t length) {
  Tensor tensor(tensorflow::DT_INT32, tensorflow::TensorShape({batch, length}));
  auto values = tensor.flat<int32_t>();
  std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(values.data()), values.size() * sizeof(int32_t));
  return tensor;
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const fs::path data = argv[2];
  tensorflow::SavedModelBundle bundle;
  auto status = tensorflow::LoadSavedModel({}, {}, HighestVersion(argv[1]), {"serve"}, &bundle);
  if (!status.ok()) {
    std::cerr << status.ToString() << std::endl;
    return 1;
  }
  const auto& signature = bundle.GetSignatures().at("serving_default");
  if (signature.method_name() != "tensorflow/serving/predict") {
    std::cerr << "another method: " << signature.method_name() << std::endl;
    return 1;
  }
  std::vector<std::pair<std::string, Tensor>> inputs;
  for (const auto& [name, info] : signature.inputs())
    inputs.emplace_back(info.name(), Read(data / name, std::stoll(argv[3]), std::stoll(argv[4])));
  std::vector<std::string> names, tensors;
  for (const auto& [name, info] : signature.outputs()) {
    names.push_back(name);
    tensors.push_back(info.name());
  }
  std::vector<Tensor> outputs;
  status = bundle.session->Run(inputs, tensors, {}, &outputs);
  if (!status.ok()) {
    std::cerr << status.ToString() << std::endl;
    return 1;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto bytes = outputs[i].tensor_data();
    std::ofstream(data / names[i], std::ios::binary).write(bytes.data(), bytes.size());
  }
  return 0;
}
