export { VirtualClock, type VirtualClockOptions } from './clock/virtual-clock.ts'
export { SimulatedDisk, type CrashReport, type SimulatedDiskOptions } from './disk/simulated-disk.ts'
export type { DiskFailure, DiskOperation } from './disk/failures.ts'
export { SeededRandom } from './random/seeded-random.ts'
