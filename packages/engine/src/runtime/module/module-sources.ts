/**
 * The code of the job's module and of what it imports, read once: by the thread that starts the job.
 *
 * 1. All threads of a run, also those of a later attempt, run the code that the first one loaded, whatever has become of the files since.
 * 2. Types are stripped once. Whoever strips them loads a compiler of more than ten megabytes, and keeps it: the other threads need none.
 */
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { strippedOnce } from './stripped-sources.ts'

/** JavaScript by the URL of its module. Of CommonJS, packages and what is imported later on there is none: those every thread loads for itself. */
export type ModuleSources = ReadonlyMap<string, string>

/** Kept as long as the process: a module that was loaded before is not loaded again. */
const loaded = new Map<string, string>()

/** Notes the code of all modules that are loaded until `work` has settled. */
export async function recordModuleSources<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly sources: ModuleSources }> {
  const hooks = registerHooks({
    load(url, context, nextLoad) {
      const module = nextLoad(url, context)
      if (!isUsers(url) || module.source === undefined || module.source === null) return module
      if (module.format !== 'module' && module.format !== 'module-typescript') return module
      const text = typeof module.source === 'string' ? module.source : Buffer.from(module.source as Uint8Array).toString('utf8')
      const source = module.format === 'module' ? text : strippedOnce(url, text, () => strip(text, url))
      loaded.set(url, source)
      return { format: 'module', source, shortCircuit: true }
    },
  })
  try {
    return { result: await work(), sources: new Map(loaded) }
  } finally {
    hooks.deregister()
  }
}

/** From now on these modules are made from what was noted. */
export function useModuleSources(sources: ModuleSources): void {
  registerHooks({
    load(url, context, nextLoad) {
      const source = sources.get(url)
      return source === undefined ? nextLoad(url, context) : { format: 'module', source, shortCircuit: true }
    },
  })
}

function isUsers(url: string): boolean {
  return url.startsWith('file:') && !url.includes('/node_modules/')
}

/** Node warns once that this function may change. Nobody who runs a job can do anything about it. */
function strip(text: string, url: string): string {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text, { mode: 'strip', sourceUrl: url })
  } finally {
    process.emitWarning = emitWarning
  }
}
