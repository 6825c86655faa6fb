"""What the unpublished parts of TensorFlow promise: one test for each function of tf_compat.

A test that fails after an update of TensorFlow names the function to mend, and what bertferry needs of it.
"""

import numpy as np
import pytest
import tensorflow as tf

from bertferry.modeling import tf_compat

ROWS = tf.TensorSpec([None, 2], tf.float32, "rows")
CALLS = {"PartitionedCall", "StatefulPartitionedCall"}


@pytest.fixture
def weight():
    return tf.Variable([[2.0], [3.0]], name="weight")


@pytest.fixture
def function(weight):
    """rows @ weight, with the product in a function of its own."""

    @tf.function(autograph=False)
    def product(rows):
        return tf.matmul(rows, weight, name="product")

    outer = tf.function(lambda rows: {"sums": product(rows)}, input_signature=[ROWS], autograph=False)
    return outer.get_concrete_function()


@pytest.fixture
def module(weight):
    """A module that is called with a list or a dict of integers."""
    root = tf.train.Checkpoint(weight=weight)
    root.__call__ = tf.function(lambda given: tf.nest.map_structure(lambda one: one + 1, given), autograph=False)
    for dtype in (tf.int32, tf.int64):
        root.__call__.get_concrete_function([tf.TensorSpec([None], dtype)])
        root.__call__.get_concrete_function({"a": tf.TensorSpec([None], dtype)})
    return root


def saved_functions(directory):
    model = tf_compat.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    return model.meta_graphs[0].graph_def.library.function


def test_inline_calls_leaves_no_call_and_keeps_names(function):
    assert CALLS & {node.op for node in function.graph.as_graph_def().node}, "the fixture calls no function"
    nodes = {node.name: node.op for node in tf_compat.inline_calls(function).node}
    assert not CALLS & set(nodes.values()), "calls are left in the graph"
    assert [name for name, op in nodes.items() if op == "MatMul" and name.endswith("product")], "names are lost"
    placeholders = {name for name, op in nodes.items() if op == "Placeholder"}
    assert {tensor.op.name for tensor in function.inputs} == placeholders, "inputs or captures are no placeholders"


def test_list_captures_maps_placeholders_to_handles(function, weight):
    (placeholder, captured), *others = tf_compat.list_captures(function).items()
    assert not others
    assert captured is weight.handle
    assert placeholder == function.inputs[-1].op.name


def test_find_variable_knows_the_handles_of_variables_alone(function, weight):
    assert tf_compat.find_variable(function, weight.handle) is weight
    assert tf_compat.find_variable(function, tf.constant(1.0)) is None


def test_capture_brings_an_outside_handle_into_the_traced_graph(weight):
    @tf.function(autograph=False)
    def read():
        handle = tf_compat.capture(weight.handle)
        assert handle.graph is tf.compat.v1.get_default_graph()
        return tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)

    first = read()
    weight.assign_add([[1.0], [1.0]])
    np.testing.assert_array_equal(read() - first, [[1], [1]], "the value was copied, not captured")


def test_get_argument_name_is_the_callers_and_not_the_nodes():
    @tf.function(input_signature=[[tf.TensorSpec([None], tf.int32, "the ids")]], autograph=False)
    def signature(given):
        return given[0]

    (placeholder,) = signature.get_concrete_function().inputs
    assert placeholder.op.name != "the ids"
    assert tf_compat.get_argument_name(placeholder) == "the ids"
    with tf.Graph().as_default():
        assert tf_compat.get_argument_name(tf.compat.v1.placeholder(tf.int32, [], "plain")) == "plain"


def test_saved_functions_keep_argument_names_and_number_captured_variables(tmp_path, function, weight):
    root = tf.train.Checkpoint(weight=weight)
    tf.saved_model.save(root, str(tmp_path), signatures={"serving_default": function})
    attributes = [given.attr for saved in saved_functions(tmp_path) for given in saved.arg_attr.values()]
    names = {given[tf_compat.ARGUMENT_NAME].s for given in attributes if tf_compat.ARGUMENT_NAME in given}
    assert b"rows" in names
    assert any(name.isdigit() for name in names), "captured variables are not numbered: equal modules may differ"


def test_list_declared_inputs_lists_every_form(tmp_path, module):
    tf.saved_model.save(module, str(tmp_path))
    forms = tf_compat.list_declared_inputs(tf.saved_model.load(str(tmp_path)))
    assert sorted(type(form).__name__ for form in forms) == ["dict", "dict", "list", "list"]
    assert {spec.dtype for spec in tf.nest.flatten(forms)} == {tf.int32, tf.int64}
    assert tf_compat.list_declared_inputs(tf.train.Checkpoint()) == []


def test_functions_that_are_traced_for_saving_are_saved_as_they_are(tmp_path, weight):
    traces = []

    def body(rows):
        traces.append(tf.inside_function())
        return {"sums": tf.matmul(rows, weight)}

    function = tf.function(body, input_signature=[ROWS], autograph=False)
    options = tf.saved_model.SaveOptions()
    with tf_compat.trace_for_saving(options):
        function.get_concrete_function()
    root = tf.train.Checkpoint(function=function, weight=weight)
    tf.saved_model.save(root, str(tmp_path), signatures={"serving_default": function}, options=options)
    assert traces == [True], "saving traced the function again: exports take twice as long"


def test_set_default_signature_keeps_names_through_load_and_save(tmp_path, module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "ids")], autograph=False)
    def serving(ids):
        return {"doubled": 2 * ids}

    module.another = serving  # of two functions TensorFlow would take neither
    tf_compat.set_default_signature(module, serving)
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": serving})
    tf.saved_model.save(tf.saved_model.load(str(tmp_path / "1")), str(tmp_path / "2"))
    signatures = tf.saved_model.load(str(tmp_path / "2")).signatures
    assert list(signatures) == ["serving_default"], "no signature survives that a module is loaded and saved again"
    signature = signatures["serving_default"]
    assert list(signature.structured_input_signature[1]) == ["ids"]
    assert list(signature.structured_outputs) == ["doubled"]


def test_get_op_def_tells_inputs_outputs_and_defaults():
    definition = tf_compat.get_op_def("TopKV2")
    assert [output.name for output in definition.output_arg] == ["values", "indices"]
    assert definition.output_arg[0].type_attr == "T"
    defaults = {one.name: one.default_value for one in definition.attr if one.HasField("default_value")}
    assert defaults["sorted"].b
    with pytest.raises(KeyError):
        tf_compat.get_op_def("NoSuchOperation")


@pytest.mark.filterwarnings("ignore:.*")  # TensorFlow deprecates what writes such SavedModels
def test_read_reference_variable_reads_a_variable_of_tensorflow_1(tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        given = v1.placeholder(tf.float32, [2], "given")
        scale = v1.get_variable("scale", initializer=[2.0, 3.0], use_resource=False)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "v1"), {"given": given}, {"scaled": given * scale})
    function = tf.saved_model.load(str(tmp_path / "v1")).signatures["serving_default"]
    assert "VariableV2" in {node.op for node in function.graph.as_graph_def().node}
    np.testing.assert_array_equal(tf_compat.read_reference_variable(function, "scale"), [2.0, 3.0])


def test_compute_fingerprint_follows_the_files(tmp_path, module):
    tf.saved_model.save(module, str(tmp_path))
    stored = tf.saved_model.experimental.read_fingerprint(str(tmp_path))
    computed = tf_compat.compute_fingerprint(tmp_path)
    for name in ("saved_model_checksum", "graph_def_program_hash", "saved_object_graph_hash", "checkpoint_hash"):
        assert getattr(computed, name) == getattr(stored, name), name
    path = tmp_path / "saved_model.pb"
    model = tf_compat.SavedModel.FromString(path.read_bytes())
    model.meta_graphs[0].meta_info_def.tags.append("changed")
    path.write_bytes(model.SerializeToString())
    assert tf_compat.compute_fingerprint(tmp_path).saved_model_checksum != computed.saved_model_checksum


def test_a_saved_model_lists_the_functions_of_its_objects(tmp_path, module):
    tf.saved_model.save(module, str(tmp_path))
    model = tf_compat.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    objects = model.meta_graphs[0].object_graph_def
    called = {name for node in objects.nodes for name in node.function.concrete_functions}
    assert called
    assert called <= set(objects.concrete_functions)
    assert called <= {function.signature.name for function in saved_functions(tmp_path)}
