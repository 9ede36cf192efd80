/**
 * How Flink's process is fitted into so much memory, page cache and all. Beside the heap and what RocksDB gets there are the classes, the compiled code, the threads and
 * the network's buffers, which together take some 150 MB; what is left is for the page cache, so that not every look-up reads from the disk.
 */
const HEAP_SHARE = 0.22
const MANAGED_SHARE = 0.25

export interface FlinkMemory {
  readonly javaOptions: readonly string[]
  readonly configuration: { readonly [key: string]: string }
}

export function flinkMemory(limitMb: number): FlinkMemory {
  const heapMb = Math.round(limitMb * HEAP_SHARE)
  return {
    javaOptions: [
      '-XX:+UseSerialGC',
      `-Xms${heapMb}m`,
      `-Xmx${heapMb}m`,
      '-XX:MaxMetaspaceSize=96m',
      '-XX:ReservedCodeCacheSize=48m',
      '-XX:CICompilerCount=2',
      '-Xss512k',
    ],
    configuration: {
      'taskmanager.memory.managed.size': `${Math.round(limitMb * MANAGED_SHARE)}m`,
      'taskmanager.memory.network.min': '12m',
      'taskmanager.memory.network.max': '12m',
      // Index and filters of more tables than fit are read in parts.
      'state.backend.rocksdb.memory.partitioned-index-filters': 'true',
    },
  }
}
