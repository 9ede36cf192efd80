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

/** Works on a disk until a call of it, which is made in vain; answers whether it came to that. */
export async function endAt(
  {
    disk,
    at,
    end,
    among,
  }: { readonly disk: Disk; readonly at: number; readonly end: () => void; readonly among?: (call: DiskCall) => boolean },
  work: (mortal: Disk) => Promise<unknown>,
): Promise<boolean> {
  let count = 0
  const ended = Promise.withResolvers<true>()
  const mortal = interceptDisk(disk, (call, perform) => {
    if (among?.(call) === false || count++ !== at) return perform()
    end()
    ended.resolve(true)
    return never
  })
  return await Promise.race([ended.promise, work(mortal).then(() => false)])
}
