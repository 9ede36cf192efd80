import type { Disk, FileHandle } from '@millrace/core'

/** One call of a disk: its name, and the path that it is about. */
export interface DiskCall {
  readonly operation: string
  readonly path: string
}

export type Intercept = (call: DiskCall, perform: () => Promise<unknown>) => Promise<unknown>

/** A disk, and the files it opens, every call of which passes through `intercept`. */
export function interceptDisk(disk: Disk, intercept: Intercept): Disk {
  const wrap = <T extends object>(target: T, pathOf: (args: readonly unknown[]) => string, own: boolean): T =>
    new Proxy(target, {
      get: (_, name) => {
        const member: unknown = Reflect.get(target, name, target)
        if (typeof member !== 'function') return member
        return async (...args: unknown[]) => {
          const path = pathOf(args)
          const result = await intercept(
            { operation: own ? String(name) : `file.${String(name)}`, path },
            async () => Reflect.apply(member, target, args) as unknown,
          )
          return own && name === 'open' ? wrap(result as FileHandle, () => path, false) : result
        }
      },
    })
  return wrap(disk, ([path]) => String(path), true)
}

export const never: Promise<never> = new Promise(() => {})
