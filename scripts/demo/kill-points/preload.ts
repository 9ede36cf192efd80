/**
 * Loaded into every thread of a job that is to die at a named place (`node --import`): what is done to disks and stores passes here first.
 *
 * `KILL_POINT=<place>@<n>`: the process kills itself with SIGKILL at the n-th time that the place is reached in a thread. `KILL_POINT_OUTPUT`: the folder
 * of the job's output.
 */
import { nodeDisk, type Disk, type FileHandle } from '@millrace/core'
import { S3Store } from '../../../packages/engine/src/checkpoint/s3/s3-store.ts'
import { WebHdfsStore } from '../../../packages/engine/src/checkpoint/webhdfs/webhdfs-store.ts'
import type { ObjectStore } from '../../../packages/engine/src/checkpoint/object-store/object-store.ts'
import { parseKillPoint, placeOf, type Operation } from './places.ts'

const { place, times } = parseKillPoint(process.env['KILL_POINT'] ?? '')
const output = process.env['KILL_POINT_OUTPUT'] ?? '/nowhere'
let left = times

function reach(operation: Operation, path: string, when: 'before' | 'after'): void {
  if (placeOf(operation, path, when, output) === place && --left === 0) process.kill(process.pid, 'SIGKILL')
}

async function pass<T>(operation: Operation, path: string, perform: () => Promise<T>): Promise<T> {
  reach(operation, path, 'before')
  const result = await perform()
  reach(operation, path, 'after')
  return result
}

function watchFile(file: FileHandle, path: string): FileHandle {
  const write = file.write.bind(file)
  // Half of it is there when it dies.
  file.write = async (bytes, position) => {
    const half = bytes.length >> 1
    await write(bytes.subarray(0, half), position)
    await pass('write', path, () => write(bytes.subarray(half), position + half))
  }
  return file
}

function watchDisk(disk: Disk): void {
  const [open, rename, remove] = [disk.open.bind(disk), disk.rename.bind(disk), disk.remove.bind(disk)]
  disk.open = async (path, mode) => {
    const file = await open(path, mode)
    return path.includes('/shared/') && mode === 'create' ? watchFile(file, path) : file
  }
  disk.rename = (from, to) => pass('complete', to, () => rename(from, to))
  disk.remove = (path) => pass('remove', path, () => remove(path))
}

type Method<N extends keyof ObjectStore> = (this: ObjectStore, ...parameters: Parameters<ObjectStore[N]>) => ReturnType<ObjectStore[N]>

/** `store`: the prototype of all stores of a kind. */
function watchStore(store: ObjectStore): void {
  const methodOf = <N extends keyof ObjectStore>(name: N): Method<N> => Reflect.get(store, name) as unknown as Method<N>
  const [put, putIfAbsent, remove, beginUpload] = [methodOf('put'), methodOf('putIfAbsent'), methodOf('delete'), methodOf('beginUpload')]
  // What is put at once is there whole or not at all: it is there when it dies, and nothing refers to it.
  store.put = async function (this: ObjectStore, key, bytes) {
    await put.call(this, key, bytes)
    reach('write', `/${key}`, 'before')
  }
  store.putIfAbsent = function (this: ObjectStore, key, bytes) {
    return pass('complete', `/${key}`, () => putIfAbsent.call(this, key, bytes))
  }
  store.delete = function (this: ObjectStore, keys) {
    return pass('remove', `/${keys[0] ?? ''}`, () => remove.call(this, keys))
  }
  store.beginUpload = async function (this: ObjectStore, key) {
    const upload = await beginUpload.call(this, key)
    const part = upload.part.bind(upload)
    upload.part = (bytes) => pass('write', `/${key}`, () => part(bytes))
    return upload
  }
}

watchDisk(nodeDisk)
watchStore(S3Store.prototype)
watchStore(WebHdfsStore.prototype)
