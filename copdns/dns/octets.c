/* The functions of copdns/dns/octets.py in C, where the core is compiled; there is what they do.
 *
 * They copy octets between memory that they were given, and know nothing of DNS and of sockets. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

/* Tells whether `count` places of `step` octets fit into a buffer of `size`. */
static int fits(Py_ssize_t count, Py_ssize_t step, Py_ssize_t size) {
    return count >= 0 && step > 0 && count <= size / step;
}

static PyObject *split_batch(PyObject *module, PyObject *args) {
    Py_buffer raw, sizes;
    Py_ssize_t count, step, address, first, stride;
    if (!PyArg_ParseTuple(args, "y*y*nnnnn", &raw, &sizes, &count, &step, &address, &first, &stride))
        return NULL;
    PyObject *found = NULL;
    if (!fits(count, step, raw.len) || !fits(count, stride, sizes.len / 4) || address < 0
        || first < 0 || first >= stride) {
        PyErr_SetString(PyExc_ValueError, "more datagrams than there is memory");
    } else {
        found = PyList_New(count);
    }
    for (Py_ssize_t place = 0; found != NULL && place < count; place++) {
        uint32_t size = ((uint32_t *)sizes.buf)[place * stride + first];
        PyObject *datagram = NULL;
        if (address > step || size > (size_t)(step - address))
            PyErr_SetString(PyExc_ValueError, "a datagram does not fit its place");
        else
            datagram = PyBytes_FromStringAndSize((char *)raw.buf + place * step, address + size);
        if (datagram == NULL)
            Py_CLEAR(found);
        else
            PyList_SET_ITEM(found, place, datagram);
    }
    PyBuffer_Release(&raw);
    PyBuffer_Release(&sizes);
    return found;
}

static PyObject *fill_batch(PyObject *module, PyObject *args) {
    Py_buffer raw, sizes;
    PyObject *datagrams;
    Py_ssize_t step, address, first, stride;
    if (!PyArg_ParseTuple(args, "w*w*O!nnnn", &raw, &sizes, &PyList_Type, &datagrams, &step, &address,
                          &first, &stride))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(datagrams), place = 0;
    if (!fits(count, step, raw.len) || !fits(count, stride, sizes.len / (Py_ssize_t)sizeof(size_t))
        || address < 0 || first < 0 || first >= stride) {
        PyErr_SetString(PyExc_ValueError, "more datagrams than there is memory");
    } else {
        for (; place < count; place++) {
            PyObject *datagram = PyList_GET_ITEM(datagrams, place);
            if (!PyBytes_Check(datagram)) {
                PyErr_SetString(PyExc_TypeError, "a datagram is bytes");
                break;
            }
            Py_ssize_t size = PyBytes_GET_SIZE(datagram);
            if (size > step || size < address) {
                PyErr_SetString(PyExc_ValueError, "a datagram does not fit its place");
                break;
            }
            memcpy((char *)raw.buf + place * step, PyBytes_AS_STRING(datagram), size);
            ((size_t *)sizes.buf)[place * stride + first] = size - address;
        }
    }
    PyBuffer_Release(&raw);
    PyBuffer_Release(&sizes);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *mix_case(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !PyBytes_Check(args[0]) || !PyBytes_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "a name and chance are bytes");
        return NULL;
    }
    Py_ssize_t size = PyBytes_GET_SIZE(args[0]);
    if (PyBytes_GET_SIZE(args[1]) < size) {
        PyErr_SetString(PyExc_ValueError, "too little chance");
        return NULL;
    }
    PyObject *mixed = PyBytes_FromStringAndSize(NULL, size);
    if (mixed == NULL)
        return NULL;
    const char *name = PyBytes_AS_STRING(args[0]), *chance = PyBytes_AS_STRING(args[1]);
    char *out = PyBytes_AS_STRING(mixed);
    for (Py_ssize_t at = 0; at < size; at++)
        out[at] = name[at] ^ (name[at] >= 'a' && name[at] <= 'z' ? chance[at] & 0x20 : 0);
    return mixed;
}

static PyMethodDef methods[] = {
    {"split_batch", split_batch, METH_VARARGS, NULL},
    {"fill_batch", fill_batch, METH_VARARGS, NULL},
    {"mix_case", (PyCFunction)(void (*)(void))mix_case, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "copdns_octets", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_copdns_octets(void) { return PyModule_Create(&definition); }
