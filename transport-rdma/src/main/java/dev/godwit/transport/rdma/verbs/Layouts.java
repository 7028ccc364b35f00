package dev.godwit.transport.rdma.verbs;

/**
 * Where the fields of the libraries' structs are, in bytes, with 64-bit pointers. The headers fix
 * them for the sonames that are loaded; what is read back from new objects is compared with what
 * was asked for, so that a library that differs is found out at its first use.
 */
final class Layouts {
  private Layouts() {}

  static final class Context {
    static final long DEVICE = 0;
    static final long POLL_CQ = 96;
    static final long REQ_NOTIFY_CQ = 104;
    static final long POST_SEND = 208;
    static final long POST_RECV = 216;
    static final long CMD_FD = 264;
    static final long ASYNC_FD = 268;
    static final long COMP_VECTORS = 272;
    static final long BYTES = 328;

    private Context() {}
  }

  static final class Pd {
    static final long CONTEXT = 0;
    static final long HANDLE = 8;
    static final long BYTES = 16;

    private Pd() {}
  }

  static final class Mr {
    static final long CONTEXT = 0;
    static final long PD = 8;
    static final long ADDR = 16;
    static final long LENGTH = 24;
    static final long HANDLE = 32;
    static final long LKEY = 36;
    static final long RKEY = 40;
    static final long BYTES = 48;

    private Mr() {}
  }

  static final class CompChannel {
    static final long CONTEXT = 0;
    static final long FD = 8;
    static final long BYTES = 16;

    private CompChannel() {}
  }

  static final class Cq {
    static final long CONTEXT = 0;
    static final long CHANNEL = 8;
    static final long HANDLE = 24;
    static final long CQE = 28;
    static final long BYTES = 128;

    private Cq() {}
  }

  static final class Qp {
    static final long CONTEXT = 0;
    static final long PD = 16;
    static final long HANDLE = 48;
    static final long NUMBER = 52;
    static final long BYTES = 160;

    private Qp() {}
  }

  static final class QpInit {
    static final long SEND_CQ = 8;
    static final long RECV_CQ = 16;
    static final long MAX_SEND_WR = 32;
    static final long MAX_RECV_WR = 36;
    static final long MAX_SEND_SGE = 40;
    static final long MAX_RECV_SGE = 44;
    static final long MAX_INLINE = 48;
    static final long TYPE = 52;
    static final long SIGNAL_ALL = 56;
    static final long BYTES = 64;

    private QpInit() {}
  }

  static final class SendWr {
    static final long WR_ID = 0;
    static final long NEXT = 8;
    static final long SG_LIST = 16;
    static final long NUM_SGE = 24;
    static final long OPCODE = 28;
    static final long FLAGS = 32;
    static final long IMMEDIATE = 36;
    static final long REMOTE_ADDR = 40;
    static final long RKEY = 48;
    static final long BYTES = 128;

    private SendWr() {}
  }

  static final class RecvWr {
    static final long WR_ID = 0;
    static final long NEXT = 8;
    static final long SG_LIST = 16;
    static final long NUM_SGE = 24;
    static final long BYTES = 32;

    private RecvWr() {}
  }

  static final class Sge {
    static final long ADDR = 0;
    static final long LENGTH = 8;
    static final long LKEY = 12;
    static final long BYTES = 16;

    private Sge() {}
  }

  static final class Wc {
    static final long WR_ID = 0;
    static final long STATUS = 8;
    static final long OPCODE = 12;
    static final long VENDOR_ERROR = 16;
    static final long BYTE_LEN = 20;
    static final long IMMEDIATE = 24;
    static final long QP_NUMBER = 28;
    static final long SRC_QP = 32;
    static final long FLAGS = 36;
    static final long PKEY_INDEX = 40;
    static final long SLID = 42;
    static final long SL = 44;
    static final long DLID_PATH_BITS = 45;
    static final long BYTES = 48;

    private Wc() {}
  }

  static final class DeviceAttr {
    static final long MAX_MR_SIZE = 80;
    static final long MAX_QP = 108;
    static final long MAX_QP_WR = 112;
    static final long MAX_SGE = 120;
    static final long MAX_CQE = 132;
    static final long MAX_MR = 136;
    static final long PORTS = 227;
    static final long BYTES = 232;

    private DeviceAttr() {}
  }

  static final class PortAttr {
    static final long STATE = 0;
    static final long ACTIVE_MTU = 8;
    static final long GIDS = 12;
    static final long MAX_MESSAGE = 20;
    static final long LINK_LAYER = 46;

    /** With room for what newer libraries may append. */
    static final long BYTES = 128;

    private PortAttr() {}
  }

  static final class Async {
    static final long ELEMENT = 0;
    static final long TYPE = 8;
    static final long BYTES = 16;

    private Async() {}
  }

  static final class CmId {
    static final long VERBS = 0;
    static final long SRC_ADDR = 32;
    static final long DST_ADDR = 160;
    static final long PORT_NUMBER = 348;
    static final long QP = 24;
    static final long BYTES = 416;

    private CmId() {}
  }

  static final class Event {
    static final long ID = 0;
    static final long LISTEN_ID = 8;
    static final long TYPE = 16;
    static final long STATUS = 20;
    static final long PRIVATE_DATA = 24;
    static final long PRIVATE_DATA_LEN = 32;
    static final long RESPONDER_RESOURCES = 33;
    static final long INITIATOR_DEPTH = 34;
    static final long RETRY_COUNT = 36;
    static final long RNR_RETRY_COUNT = 37;
    static final long BYTES = 80;

    private Event() {}
  }

  static final class ConnParam {
    static final long PRIVATE_DATA = 0;
    static final long PRIVATE_DATA_LEN = 8;
    static final long RESPONDER_RESOURCES = 9;
    static final long INITIATOR_DEPTH = 10;
    static final long FLOW_CONTROL = 11;
    static final long RETRY_COUNT = 12;
    static final long RNR_RETRY_COUNT = 13;
    static final long BYTES = 24;

    private ConnParam() {}
  }

  static final class PollFd {
    static final long FD = 0;
    static final long EVENTS = 4;
    static final long RESULT = 6;
    static final long BYTES = 8;

    private PollFd() {}
  }
}
