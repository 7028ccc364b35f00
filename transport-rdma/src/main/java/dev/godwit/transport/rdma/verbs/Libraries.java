package dev.godwit.transport.rdma.verbs;

import dev.godwit.transport.ChannelException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;

/** The functions of librdmacm and libibverbs. Loaded once they are wanted, and never unloaded. */
final class Libraries {
  static final String CM = "librdmacm.so.1";
  static final String VERBS = "libibverbs.so.1";

  private static final String REMEDY =
      "install rdma-core (Debian: apt-get install libibverbs1 librdmacm1 ibverbs-providers)";

  final NativeFunction createEventChannel;
  final NativeFunction destroyEventChannel;
  final NativeFunction createId;
  final NativeFunction destroyId;
  final NativeFunction bindAddr;
  final NativeFunction listen;
  final NativeFunction resolveAddr;
  final NativeFunction resolveRoute;
  final NativeFunction getCmEvent;
  final NativeFunction ackCmEvent;
  final NativeFunction eventText;
  final NativeFunction connect;
  final NativeFunction accept;
  final NativeFunction reject;
  final NativeFunction disconnect;
  final NativeFunction migrateId;
  final NativeFunction setOption;
  final NativeFunction createQp;
  final NativeFunction destroyQp;

  final NativeFunction getDeviceList;
  final NativeFunction freeDeviceList;
  final NativeFunction getDeviceName;
  final NativeFunction openDevice;
  final NativeFunction closeDevice;
  final NativeFunction queryDevice;
  final NativeFunction queryPort;
  final NativeFunction queryGid;
  final NativeFunction allocPd;
  final NativeFunction deallocPd;
  final NativeFunction regMr;
  final NativeFunction deregMr;
  final NativeFunction createCompChannel;
  final NativeFunction destroyCompChannel;
  final NativeFunction createCq;
  final NativeFunction destroyCq;
  final NativeFunction getCqEvent;
  final NativeFunction ackCqEvents;
  final NativeFunction getAsyncEvent;
  final NativeFunction ackAsyncEvent;
  final NativeFunction statusText;

  private Libraries(Library cm, Library verbs) throws ChannelException.Unsupported {
    createEventChannel = cm.find("rdma_create_event_channel");
    destroyEventChannel = cm.find("rdma_destroy_event_channel");
    createId = cm.find("rdma_create_id");
    destroyId = cm.find("rdma_destroy_id");
    bindAddr = cm.find("rdma_bind_addr");
    listen = cm.find("rdma_listen");
    resolveAddr = cm.find("rdma_resolve_addr");
    resolveRoute = cm.find("rdma_resolve_route");
    getCmEvent = cm.find("rdma_get_cm_event");
    ackCmEvent = cm.find("rdma_ack_cm_event");
    eventText = cm.find("rdma_event_str");
    connect = cm.find("rdma_connect");
    accept = cm.find("rdma_accept");
    reject = cm.find("rdma_reject");
    disconnect = cm.find("rdma_disconnect");
    migrateId = cm.find("rdma_migrate_id");
    setOption = cm.find("rdma_set_option");
    createQp = cm.find("rdma_create_qp");
    destroyQp = cm.find("rdma_destroy_qp");

    getDeviceList = verbs.find("ibv_get_device_list");
    freeDeviceList = verbs.find("ibv_free_device_list");
    getDeviceName = verbs.find("ibv_get_device_name");
    openDevice = verbs.find("ibv_open_device");
    closeDevice = verbs.find("ibv_close_device");
    queryDevice = verbs.find("ibv_query_device");
    queryPort = verbs.find("ibv_query_port");
    queryGid = verbs.find("ibv_query_gid");
    allocPd = verbs.find("ibv_alloc_pd");
    deallocPd = verbs.find("ibv_dealloc_pd");
    regMr = verbs.find("ibv_reg_mr");
    deregMr = verbs.find("ibv_dereg_mr");
    createCompChannel = verbs.find("ibv_create_comp_channel");
    destroyCompChannel = verbs.find("ibv_destroy_comp_channel");
    createCq = verbs.find("ibv_create_cq");
    destroyCq = verbs.find("ibv_destroy_cq");
    getCqEvent = verbs.find("ibv_get_cq_event");
    ackCqEvents = verbs.find("ibv_ack_cq_events");
    getAsyncEvent = verbs.find("ibv_get_async_event");
    ackAsyncEvent = verbs.find("ibv_ack_async_event");
    statusText = verbs.find("ibv_wc_status_str");
  }

  static Libraries load() throws ChannelException.Unsupported {
    return load(CM, VERBS);
  }

  /**
   * Loads them by these names.
   *
   * @throws ChannelException.Unsupported if one is missing, is not what it should be, or this JVM
   *     may not call native code
   */
  static Libraries load(String cm, String verbs) throws ChannelException.Unsupported {
    // Verbs first: librdmacm needs it, and would be named for its absence.
    Library verbsLibrary = Library.open(verbs);
    return new Libraries(Library.open(cm), verbsLibrary);
  }

  private record Library(String name, SymbolLookup symbols) {

    static Library open(String name) throws ChannelException.Unsupported {
      try {
        return new Library(name, SymbolLookup.libraryLookup(name, Arena.global()));
      } catch (IllegalArgumentException e) {
        throw new ChannelException.Unsupported("This host has no " + name + ": " + REMEDY);
      } catch (IllegalCallerException e) {
        throw new ChannelException.Unsupported(
            "This JVM may not call " + name + ": start it with --enable-native-access=ALL-UNNAMED");
      }
    }

    NativeFunction find(String function) throws ChannelException.Unsupported {
      return new NativeFunction(
          function,
          symbols
              .find(function)
              .orElseThrow(
                  () ->
                      new ChannelException.Unsupported(
                          "This host's "
                              + name
                              + " is too old, it has no "
                              + function
                              + ": "
                              + REMEDY)));
    }
  }
}
