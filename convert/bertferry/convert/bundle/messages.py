"""The protocol buffers in checkpoints and SavedModels, as defined in tensorflow/core/protobuf and framework.

They are defined here because TensorFlow's Python modules for them require TensorFlow.
"""

from bertferry.convert.proto import message_classes

MESSAGES = {
    # tensor_bundle.proto, versions.proto
    "Header": "1 num_shards int32, 2 endianness int32, 3 version Versions",
    "Versions": "1 producer int32, 2 min_consumer int32",
    "Entry": "1 dtype int32, 2 shape Shape, 3 shard_id int32, 4 offset int64, 5 size int64, 6 crc32c fixed32, "
    "7 slices *Slice",
    # tensor_shape.proto, tensor_slice.proto
    "Shape": "2 dim *Dimension, 3 unknown_rank bool",
    "Dimension": "1 size int64",
    "Slice": "1 extent *Extent",
    "Extent": "1 start int64, 2 length int64",
    # trackable_object_graph.proto
    "ObjectGraph": "1 nodes *Object",
    "Object": "1 children *Child, 2 attributes *Attribute",
    "Child": "1 node_id int32, 2 local_name string",
    "Attribute": "1 name string, 2 full_name string, 3 checkpoint_key string",
    # saved_model.proto, meta_graph.proto
    "SavedModel": "2 meta_graphs *MetaGraph",
    "MetaGraph": "1 info MetaInfo, 2 graph Graph",
    "MetaInfo": "4 tags *string",
    # the same file without its graph: what can be called
    "SavedInterface": "2 meta_graphs *MetaInterface",
    "MetaInterface": "1 info MetaInfo, 5 signatures *SignatureEntry, 7 objects SavedObjects",
    "SignatureEntry": "1 key string, 2 value Signature",
    "Signature": "1 inputs *TensorInfoEntry, 2 outputs *TensorInfoEntry",
    "TensorInfoEntry": "1 key string, 2 value TensorInfo",
    "TensorInfo": "2 dtype int32, 3 shape Shape",
    # saved_object_graph.proto, struct.proto
    "SavedObjects": "1 nodes *SavedObject, 2 functions *SavedFunctionEntry",
    "SavedObject": "1 children *Child, 6 function SavedFunction, 7 variable SavedVariable, 8 bare BareFunction",
    "SavedFunction": "1 names *string",
    "SavedVariable": "3 trainable bool, 6 name string",
    "BareFunction": "1 name string",
    "SavedFunctionEntry": "1 key string, 2 value ConcreteFunction",
    "ConcreteFunction": "2 captures *int32, 3 inputs Structure, 4 outputs Structure",
    "Structure": "33 tensor TensorSpec, 51 list Structures, 52 tuple Structures, 53 dict StructureFields",
    "Structures": "1 values *Structure",
    "StructureFields": "1 fields *StructureEntry",
    "StructureEntry": "1 key string, 2 value Structure",
    "TensorSpec": "1 name string, 2 shape Shape",
    # graph.proto, node_def.proto, attr_value.proto, tensor.proto; a map is stored as its entries
    "Graph": "1 node *Node",
    "Node": "1 name string, 2 op string, 5 attr *NodeAttribute",
    "NodeAttribute": "1 key string, 2 value AttributeValue",
    "AttributeValue": "8 tensor Tensor",
    "Tensor": "1 dtype int32, 4 content bytes, 5 float_val *float, 6 double_val *double, 7 int_val *int32, "
    "10 int64_val *int64, 11 bool_val *bool",
}
"""The fields of each message as `number name type`; a star marks a repeated field."""

_classes = message_classes("bertferry.bundle", MESSAGES)
HeaderMessage = _classes["Header"]
EntryMessage = _classes["Entry"]
ObjectGraphMessage = _classes["ObjectGraph"]
SavedModelMessage = _classes["SavedModel"]
SavedInterfaceMessage = _classes["SavedInterface"]
