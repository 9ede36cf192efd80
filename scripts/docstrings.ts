/** Whether whoever imports a package is told of each name what it is: the compiler says which names the entries export, and what is written above them. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { API, SymbolFlags, type Checker, type Symbol } from 'typescript/unstable/sync'
import { root } from './layering/workspace.ts'

/** A module that others may import: `@millrace/engine/kafka`. */
export interface Entry {
  readonly name: string
  readonly path: string
}

interface Manifest {
  readonly name: string
  readonly exports: { readonly [subpath: string]: { readonly '@millrace/source': string } }
}

/** All entries of the packages, but those `internal/` that only the packages themselves start. */
export function publicEntries(): readonly Entry[] {
  return globSync('packages/*/package.json', { cwd: root })
    .toSorted()
    .flatMap((manifestPath) => {
      const { name, exports } = JSON.parse(readFileSync(join(root, manifestPath), 'utf8')) as Manifest
      return Object.entries(exports)
        .filter(([subpath]) => !subpath.startsWith('./internal/'))
        .map(([subpath, target]) => ({
          name: `${name}${subpath.slice(1)}`,
          path: join(root, dirname(manifestPath), target['@millrace/source']),
        }))
    })
}

/** Exported names that have no docstring, and members of exported options that have none; each is named by the first entry that has it. */
export function docstringProblems(configPath: string, entries: readonly Entry[]): readonly string[] {
  const api = new API({ cwd: root })
  try {
    const { checker, program } = api.updateSnapshot({ openProjects: [configPath] }).getProject(configPath)!
    const seen = new Set<number>()
    return entries.flatMap(({ name, path }) => {
      const source = program.getSourceFile(path)
      const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
      if (module === undefined) return [`${name}: ${path} is no module of ${configPath}`]
      return exportProblems(checker, module, seen).map((problem) => `${name}: ${problem}`)
    })
  } finally {
    api.close()
  }
}

function exportProblems(checker: Checker, module: Symbol, seen: Set<number>): readonly string[] {
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const meant = (exported.flags & SymbolFlags.Alias) === 0 ? exported : checker.getAliasedSymbol(exported)
    if (seen.has(meant.id)) return []
    seen.add(meant.id)
    // A module has no docstring that editors show: what is in it has.
    if ((meant.flags & SymbolFlags.ValueModule) !== 0)
      return exportProblems(checker, meant, seen).map((problem) => `${exported.name}.${problem}`)
    const problems = isDocumented(checker, meant) ? [] : [exported.name]
    return [...problems, ...memberProblems(checker, meant, seen).map((member) => `${exported.name}.${member}`)]
  })
}

/** What users fill in is where they need units and defaults; members that come from a library are its own business. */
function memberProblems(checker: Checker, type: Symbol, seen: Set<number>): readonly string[] {
  const isType = (type.flags & (SymbolFlags.Interface | SymbolFlags.TypeAlias)) !== 0
  if (!isType || !/(?:Options|Settings)$/.test(type.name)) return []
  return checker
    .getPropertiesOfType(checker.getDeclaredTypeOfSymbol(type))
    .filter((member) => member.declarations.some(({ path }) => !/^bundled:|\/node_modules\//.test(path)))
    .filter((member) => !seen.has(member.id) && seen.add(member.id) && !isDocumented(checker, member))
    .map((member) => member.name)
}

/** Tags alone, such as `@throws`, do not say what something is. */
function isDocumented(checker: Checker, symbol: Symbol): boolean {
  return checker.getDocumentationCommentOfSymbol(symbol).trim() !== ''
}
