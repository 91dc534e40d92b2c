// Made by cuda/functions.sh from cust_raw. Do not edit.

forward! {
	fn cuArray3DCreate_v2(pHandle: *mut CUarray, pAllocateArray: *const CUDA_ARRAY3D_DESCRIPTOR);
	fn cuArray3DGetDescriptor_v2(pArrayDescriptor: *mut CUDA_ARRAY3D_DESCRIPTOR, hArray: CUarray);
	fn cuArrayDestroy(hArray: CUarray);
	fn cuCtxCreate_v2(pctx: *mut CUcontext, flags: c_uint, dev: CUdevice);
	fn cuCtxDestroy_v2(ctx: CUcontext);
	fn cuCtxGetApiVersion(ctx: CUcontext, version: *mut c_uint);
	fn cuCtxGetCacheConfig(pconfig: *mut CUfunc_cache);
	fn cuCtxGetCurrent(pctx: *mut CUcontext);
	fn cuCtxGetDevice(device: *mut CUdevice);
	fn cuCtxGetFlags(flags: *mut c_uint);
	fn cuCtxGetLimit(pvalue: *mut usize, limit: CUlimit);
	fn cuCtxGetSharedMemConfig(pConfig: *mut CUsharedconfig);
	fn cuCtxGetStreamPriorityRange(leastPriority: *mut c_int, greatestPriority: *mut c_int);
	fn cuCtxPopCurrent_v2(pctx: *mut CUcontext);
	fn cuCtxPushCurrent_v2(ctx: CUcontext);
	fn cuCtxSetCacheConfig(config: CUfunc_cache);
	fn cuCtxSetCurrent(ctx: CUcontext);
	fn cuCtxSetLimit(limit: CUlimit, value: usize);
	fn cuCtxSetSharedMemConfig(config: CUsharedconfig);
	fn cuCtxSynchronize();
	fn cuDestroyExternalMemory(extMem: CUexternalMemory);
	fn cuDeviceGet(device: *mut CUdevice, ordinal: c_int);
	fn cuDeviceGetAttribute(pi: *mut c_int, attrib: CUdevice_attribute, dev: CUdevice);
	fn cuDeviceGetCount(count: *mut c_int);
	fn cuDeviceGetName(name: *mut c_char, len: c_int, dev: CUdevice);
	fn cuDevicePrimaryCtxRelease_v2(dev: CUdevice);
	fn cuDevicePrimaryCtxReset_v2(dev: CUdevice);
	fn cuDevicePrimaryCtxRetain(pctx: *mut CUcontext, dev: CUdevice);
	fn cuDevicePrimaryCtxSetFlags_v2(dev: CUdevice, flags: c_uint);
	fn cuDeviceTotalMem_v2(bytes: *mut usize, dev: CUdevice);
	fn cuDriverGetVersion(driverVersion: *mut c_int);
	fn cuEventCreate(phEvent: *mut CUevent, Flags: c_uint);
	fn cuEventDestroy_v2(hEvent: CUevent);
	fn cuEventElapsedTime(pMilliseconds: *mut f32, hStart: CUevent, hEnd: CUevent);
	fn cuEventQuery(hEvent: CUevent);
	fn cuEventRecord(hEvent: CUevent, hStream: CUstream);
	fn cuEventSynchronize(hEvent: CUevent);
	fn cuExternalMemoryGetMappedBuffer(devPtr: *mut CUdeviceptr, extMem: CUexternalMemory, bufferDesc: *const CUDA_EXTERNAL_MEMORY_BUFFER_DESC);
	fn cuFuncGetAttribute(pi: *mut c_int, attrib: CUfunction_attribute, hfunc: CUfunction);
	fn cuFuncSetCacheConfig(hfunc: CUfunction, config: CUfunc_cache);
	fn cuFuncSetSharedMemConfig(hfunc: CUfunction, config: CUsharedconfig);
	fn cuGetErrorString(error: CUresult, pStr: *mut *const c_char);
	fn cuGraphAddKernelNode(phGraphNode: *mut CUgraphNode, hGraph: CUgraph, dependencies: *const CUgraphNode, numDependencies: usize, nodeParams: *const CUDA_KERNEL_NODE_PARAMS);
	fn cuGraphCreate(phGraph: *mut CUgraph, flags: c_uint);
	fn cuGraphDebugDotPrint(hGraph: CUgraph, path: *const c_char, flags: c_uint);
	fn cuGraphDestroy(hGraph: CUgraph);
	fn cuGraphGetEdges(hGraph: CUgraph, from: *mut CUgraphNode, to: *mut CUgraphNode, numEdges: *mut usize);
	fn cuGraphGetNodes(hGraph: CUgraph, nodes: *mut CUgraphNode, numNodes: *mut usize);
	fn cuGraphKernelNodeGetParams(hNode: CUgraphNode, nodeParams: *mut CUDA_KERNEL_NODE_PARAMS);
	fn cuGraphNodeGetType(hNode: CUgraphNode, type_: *mut CUgraphNodeType);
	fn cuImportExternalMemory(extMem_out: *mut CUexternalMemory, memHandleDesc: *const CUDA_EXTERNAL_MEMORY_HANDLE_DESC);
	fn cuInit(Flags: c_uint);
	fn cuLaunchHostFunc(hStream: CUstream, fn_: CUhostFn, userData: *mut c_void);
	fn cuLaunchKernel(f: CUfunction, gridDimX: c_uint, gridDimY: c_uint, gridDimZ: c_uint, blockDimX: c_uint, blockDimY: c_uint, blockDimZ: c_uint, sharedMemBytes: c_uint, hStream: CUstream, kernelParams: *mut *mut c_void, extra: *mut *mut c_void);
	fn cuLinkAddData_v2(state: CUlinkState, type_: CUjitInputType, data: *mut c_void, size: usize, name: *const c_char, numOptions: c_uint, options: *mut CUjit_option, optionValues: *mut *mut c_void);
	fn cuLinkComplete(state: CUlinkState, cubinOut: *mut *mut c_void, sizeOut: *mut usize);
	fn cuLinkCreate_v2(numOptions: c_uint, options: *mut CUjit_option, optionValues: *mut *mut c_void, stateOut: *mut CUlinkState);
	fn cuLinkDestroy(state: CUlinkState);
	fn cuMemAdvise(devPtr: CUdeviceptr, count: usize, advice: CUmem_advise, device: CUdevice);
	fn cuMemAllocAsync(dptr: *mut CUdeviceptr, bytesize: usize, hStream: CUstream);
	fn cuMemAllocHost_v2(pp: *mut *mut c_void, bytesize: usize);
	fn cuMemAllocManaged(dptr: *mut CUdeviceptr, bytesize: usize, flags: c_uint);
	fn cuMemAlloc_v2(dptr: *mut CUdeviceptr, bytesize: usize);
	fn cuMemFreeAsync(dptr: CUdeviceptr, hStream: CUstream);
	fn cuMemFreeHost(p: *mut c_void);
	fn cuMemFree_v2(dptr: CUdeviceptr);
	fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize);
	fn cuMemPrefetchAsync(devPtr: CUdeviceptr, count: usize, dstDevice: CUdevice, hStream: CUstream);
	fn cuMemcpy2D_v2(pCopy: *const CUDA_MEMCPY2D);
	fn cuMemcpyAtoH_v2(dstHost: *mut c_void, srcArray: CUarray, srcOffset: usize, ByteCount: usize);
	fn cuMemcpyDtoDAsync_v2(dstDevice: CUdeviceptr, srcDevice: CUdeviceptr, ByteCount: usize, hStream: CUstream);
	fn cuMemcpyDtoD_v2(dstDevice: CUdeviceptr, srcDevice: CUdeviceptr, ByteCount: usize);
	fn cuMemcpyDtoHAsync_v2(dstHost: *mut c_void, srcDevice: CUdeviceptr, ByteCount: usize, hStream: CUstream);
	fn cuMemcpyDtoH_v2(dstHost: *mut c_void, srcDevice: CUdeviceptr, ByteCount: usize);
	fn cuMemcpyHtoA_v2(dstArray: CUarray, dstOffset: usize, srcHost: *const c_void, ByteCount: usize);
	fn cuMemcpyHtoDAsync_v2(dstDevice: CUdeviceptr, srcHost: *const c_void, ByteCount: usize, hStream: CUstream);
	fn cuMemcpyHtoD_v2(dstDevice: CUdeviceptr, srcHost: *const c_void, ByteCount: usize);
	fn cuMemsetD16Async(dstDevice: CUdeviceptr, us: c_ushort, N: usize, hStream: CUstream);
	fn cuMemsetD16_v2(dstDevice: CUdeviceptr, us: c_ushort, N: usize);
	fn cuMemsetD32Async(dstDevice: CUdeviceptr, ui: c_uint, N: usize, hStream: CUstream);
	fn cuMemsetD32_v2(dstDevice: CUdeviceptr, ui: c_uint, N: usize);
	fn cuMemsetD8Async(dstDevice: CUdeviceptr, uc: c_uchar, N: usize, hStream: CUstream);
	fn cuMemsetD8_v2(dstDevice: CUdeviceptr, uc: c_uchar, N: usize);
	fn cuModuleGetFunction(hfunc: *mut CUfunction, hmod: CUmodule, name: *const c_char);
	fn cuModuleGetGlobal_v2(dptr: *mut CUdeviceptr, bytes: *mut usize, hmod: CUmodule, name: *const c_char);
	fn cuModuleLoad(module: *mut CUmodule, fname: *const c_char);
	fn cuModuleLoadData(module: *mut CUmodule, image: *const c_void);
	fn cuModuleLoadDataEx(module: *mut CUmodule, image: *const c_void, numOptions: c_uint, options: *mut CUjit_option, optionValues: *mut *mut c_void);
	fn cuModuleUnload(hmod: CUmodule);
	fn cuOccupancyAvailableDynamicSMemPerBlock(dynamicSmemSize: *mut usize, func: CUfunction, numBlocks: c_int, blockSize: c_int);
	fn cuOccupancyMaxActiveBlocksPerMultiprocessor(numBlocks: *mut c_int, func: CUfunction, blockSize: c_int, dynamicSMemSize: usize);
	fn cuOccupancyMaxPotentialBlockSize(minGridSize: *mut c_int, blockSize: *mut c_int, func: CUfunction, blockSizeToDynamicSMemSize: CUoccupancyB2DSize, dynamicSMemSize: usize, blockSizeLimit: c_int);
	fn cuStreamCreateWithPriority(phStream: *mut CUstream, flags: c_uint, priority: c_int);
	fn cuStreamDestroy_v2(hStream: CUstream);
	fn cuStreamGetFlags(hStream: CUstream, flags: *mut c_uint);
	fn cuStreamGetPriority(hStream: CUstream, priority: *mut c_int);
	fn cuStreamSynchronize(hStream: CUstream);
	fn cuStreamWaitEvent(hStream: CUstream, hEvent: CUevent, Flags: c_uint);
	fn cuSurfObjectCreate(pSurfObject: *mut CUsurfObject, pResDesc: *const CUDA_RESOURCE_DESC);
	fn cuSurfObjectDestroy(surfObject: CUsurfObject);
	fn cuSurfObjectGetResourceDesc(pResDesc: *mut CUDA_RESOURCE_DESC, surfObject: CUsurfObject);
	fn cuTexObjectCreate(pTexObject: *mut CUtexObject, pResDesc: *const CUDA_RESOURCE_DESC, pTexDesc: *const CUDA_TEXTURE_DESC, pResViewDesc: *const CUDA_RESOURCE_VIEW_DESC);
	fn cuTexObjectDestroy(texObject: CUtexObject);
	fn cuTexObjectGetResourceDesc(pResDesc: *mut CUDA_RESOURCE_DESC, texObject: CUtexObject);
	fn cuTexObjectGetResourceViewDesc(pResViewDesc: *mut CUDA_RESOURCE_VIEW_DESC, texObject: CUtexObject);
}

results! {
	CUDA_SUCCESS,
	CUDA_ERROR_INVALID_VALUE,
	CUDA_ERROR_OUT_OF_MEMORY,
	CUDA_ERROR_NOT_INITIALIZED,
	CUDA_ERROR_DEINITIALIZED,
	CUDA_ERROR_PROFILER_DISABLED,
	CUDA_ERROR_PROFILER_NOT_INITIALIZED,
	CUDA_ERROR_PROFILER_ALREADY_STARTED,
	CUDA_ERROR_PROFILER_ALREADY_STOPPED,
	CUDA_ERROR_STUB_LIBRARY,
	CUDA_ERROR_NO_DEVICE,
	CUDA_ERROR_INVALID_DEVICE,
	CUDA_ERROR_DEVICE_NOT_LICENSED,
	CUDA_ERROR_INVALID_IMAGE,
	CUDA_ERROR_INVALID_CONTEXT,
	CUDA_ERROR_CONTEXT_ALREADY_CURRENT,
	CUDA_ERROR_MAP_FAILED,
	CUDA_ERROR_UNMAP_FAILED,
	CUDA_ERROR_ARRAY_IS_MAPPED,
	CUDA_ERROR_ALREADY_MAPPED,
	CUDA_ERROR_NO_BINARY_FOR_GPU,
	CUDA_ERROR_ALREADY_ACQUIRED,
	CUDA_ERROR_NOT_MAPPED,
	CUDA_ERROR_NOT_MAPPED_AS_ARRAY,
	CUDA_ERROR_NOT_MAPPED_AS_POINTER,
	CUDA_ERROR_ECC_UNCORRECTABLE,
	CUDA_ERROR_UNSUPPORTED_LIMIT,
	CUDA_ERROR_CONTEXT_ALREADY_IN_USE,
	CUDA_ERROR_PEER_ACCESS_UNSUPPORTED,
	CUDA_ERROR_INVALID_PTX,
	CUDA_ERROR_INVALID_GRAPHICS_CONTEXT,
	CUDA_ERROR_NVLINK_UNCORRECTABLE,
	CUDA_ERROR_JIT_COMPILER_NOT_FOUND,
	CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
	CUDA_ERROR_JIT_COMPILATION_DISABLED,
	CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY,
	CUDA_ERROR_INVALID_SOURCE,
	CUDA_ERROR_FILE_NOT_FOUND,
	CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND,
	CUDA_ERROR_SHARED_OBJECT_INIT_FAILED,
	CUDA_ERROR_OPERATING_SYSTEM,
	CUDA_ERROR_INVALID_HANDLE,
	CUDA_ERROR_ILLEGAL_STATE,
	CUDA_ERROR_NOT_FOUND,
	CUDA_ERROR_NOT_READY,
	CUDA_ERROR_ILLEGAL_ADDRESS,
	CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
	CUDA_ERROR_LAUNCH_TIMEOUT,
	CUDA_ERROR_LAUNCH_INCOMPATIBLE_TEXTURING,
	CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED,
	CUDA_ERROR_PEER_ACCESS_NOT_ENABLED,
	CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE,
	CUDA_ERROR_CONTEXT_IS_DESTROYED,
	CUDA_ERROR_ASSERT,
	CUDA_ERROR_TOO_MANY_PEERS,
	CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED,
	CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED,
	CUDA_ERROR_HARDWARE_STACK_ERROR,
	CUDA_ERROR_ILLEGAL_INSTRUCTION,
	CUDA_ERROR_MISALIGNED_ADDRESS,
	CUDA_ERROR_INVALID_ADDRESS_SPACE,
	CUDA_ERROR_INVALID_PC,
	CUDA_ERROR_LAUNCH_FAILED,
	CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
	CUDA_ERROR_NOT_PERMITTED,
	CUDA_ERROR_NOT_SUPPORTED,
	CUDA_ERROR_SYSTEM_NOT_READY,
	CUDA_ERROR_SYSTEM_DRIVER_MISMATCH,
	CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE,
	CUDA_ERROR_MPS_CONNECTION_FAILED,
	CUDA_ERROR_MPS_RPC_FAILURE,
	CUDA_ERROR_MPS_SERVER_NOT_READY,
	CUDA_ERROR_MPS_MAX_CLIENTS_REACHED,
	CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED,
	CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
	CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
	CUDA_ERROR_STREAM_CAPTURE_MERGE,
	CUDA_ERROR_STREAM_CAPTURE_UNMATCHED,
	CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
	CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
	CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
	CUDA_ERROR_CAPTURED_EVENT,
	CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD,
	CUDA_ERROR_TIMEOUT,
	CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE,
	CUDA_ERROR_EXTERNAL_DEVICE,
	CUDA_ERROR_UNKNOWN,
}
