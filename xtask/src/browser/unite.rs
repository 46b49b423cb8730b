//! Fewer parts, each larger.
//!
//! The splitter makes a part of whatever exactly the same pages share: a thousand parts, a quarter of them one text
//! and half of them less code than stands around it. A browser takes a moment for each, two hundred for a page.
//! Parts are put together where the pages that then load more than they need load little more.

use std::convert::Infallible;

use anyhow::{Context as _, Result, bail, ensure};
use wasm_encoder::{
    CodeSection, CustomSection, DataCountSection, DataSection, ElementSection, FunctionSection,
    ImportSection, Module, NameMap, NameSection, RawSection,
    reencode::{self, Reencode, RoundtripReencoder},
};
use wasmparser::{Data, DataKind, KnownCustom, Name, Parser, Payload, TypeRef};

/// The pages that need a part, one bit for each.
pub(super) type Pages = u128;

/// As many bytes more to load is one part less worth to a page.
const PART_BYTES: i64 = 100;
/// What stands around a part's bytes in its module, where it becomes one with another.
const AROUND_BYTES: i64 = 6;

/// What a part is to the pages that load it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Of its functions, and what it puts into memory.
    bytes: i64,
    pages: Pages,
}

impl Load {
    pub(super) fn of(part: &[u8], pages: Pages) -> Result<Self> {
        let mut bytes = AROUND_BYTES;
        for payload in Parser::new(0).parse_all(part) {
            match payload? {
                Payload::CodeSectionEntry(body) => bytes += length(body.range().len())?,
                Payload::DataSection(section) => {
                    for data in section {
                        bytes += length(data?.data.len())?;
                    }
                }
                _ => {}
            }
        }
        Ok(Self { bytes, pages })
    }
}

fn length(bytes: usize) -> Result<i64> {
    i64::try_from(bytes).context("a part of that size")
}

/// Parts that become one.
#[derive(Debug)]
pub(super) struct Group {
    /// Where they stand in what was given, in that order.
    pub(super) members: Vec<usize>,
    /// Every page that needs one of them.
    pub(super) pages: Pages,
    bytes: i64,
}

impl Group {
    /// What all pages together gain where the two become one, in bytes.
    fn gain(&self, other: &Self) -> i64 {
        let pages = |pages: Pages| i64::from(pages.count_ones());
        PART_BYTES * pages(self.pages & other.pages)
            - self.bytes * pages(other.pages & !self.pages)
            - other.bytes * pages(self.pages & !other.pages)
    }

    fn take(&mut self, other: Self) {
        self.members.extend(other.members);
        self.pages |= other.pages;
        self.bytes += other.bytes;
    }
}

/// Which of the parts become one, as long as all pages gain by it together.
pub(super) fn grouped(parts: &[Load]) -> Vec<Group> {
    let alone = parts.iter().enumerate().map(|(index, part)| Group {
        members: vec![index],
        pages: part.pages,
        bytes: part.bytes,
    });
    let mut groups: Vec<_> = alone.map(Some).collect();
    // With which other each gains most.
    let best_of = |groups: &[Option<Group>], of: usize| -> (i64, usize) {
        let Some(group) = &groups[of] else {
            return (0, of);
        };
        let others = groups.iter().enumerate().filter(|(index, _)| *index != of);
        others
            .filter_map(|(index, other)| Some((group.gain(other.as_ref()?), index)))
            .max()
            .unwrap_or((0, of))
    };
    let mut best: Vec<_> = (0..groups.len()).map(|of| best_of(&groups, of)).collect();
    while let Some((one, (_, other))) = best
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, (gain, _))| *gain > 0)
        .max_by_key(|(_, (gain, _))| *gain)
    {
        let taken = groups[other].take();
        if let (Some(group), Some(taken)) = (&mut groups[one], taken) {
            group.take(taken);
        }
        best[other] = (0, other);
        for of in 0..groups.len() {
            if of == one || best[of].1 == one || best[of].1 == other {
                best[of] = best_of(&groups, of);
            } else if let (Some(group), Some(new)) = (&groups[of], &groups[one]) {
                best[of] = best[of].max((group.gain(new), one));
            }
        }
    }
    let mut groups: Vec<Group> = groups.into_iter().flatten().collect();
    for group in &mut groups {
        group.members.sort_unstable();
    }
    groups.sort_unstable_by(|a, b| a.members.cmp(&b.members));
    groups
}

/// One module that is all of these: each has the same types, nothing but imports that all may share, and no export.
pub(super) fn united(parts: &[&[u8]]) -> Result<Vec<u8>> {
    let mut whole = Whole::default();
    for part in parts {
        whole.add(part)?;
    }
    whole.finish()
}

#[derive(Default)]
struct Whole<'a> {
    types: Option<&'a [u8]>,
    imports: Vec<wasmparser::Import<'a>>,
    functions: FunctionSection,
    function_count: u32,
    elements: ElementSection,
    data: DataSection,
    code: CodeSection,
    names: NameMap,
    others: Vec<(&'a str, &'a [u8])>,
}

/// How a part's numbers read in the whole. No code names a segment of data or of the table: they change theirs.
struct Numbers {
    functions_before: u32,
    globals: Vec<u32>,
}

type Failed = reencode::Error<Infallible>;

impl Reencode for Numbers {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Failed> {
        Ok(self.functions_before + function)
    }

    fn data_index(&mut self, _: u32) -> Result<u32, Failed> {
        Err(Failed::InvalidConstExpr)
    }

    fn element_index(&mut self, _: u32) -> Result<u32, Failed> {
        Err(Failed::InvalidConstExpr)
    }

    fn global_index(&mut self, global: u32) -> Result<u32, Failed> {
        let index = usize::try_from(global).unwrap_or(usize::MAX);
        self.globals
            .get(index)
            .copied()
            .ok_or(Failed::InvalidConstExpr)
    }
}

impl<'a> Whole<'a> {
    fn add(&mut self, part: &'a [u8]) -> Result<()> {
        let mut numbers = Numbers {
            functions_before: self.function_count,
            globals: Vec::new(),
        };
        for payload in Parser::new(0).parse_all(part) {
            match payload? {
                Payload::Version { .. } | Payload::End(_) | Payload::DataCountSection { .. } => {}
                Payload::CodeSectionStart { .. } => {}
                Payload::TypeSection(section) => {
                    let types = &part[section.range()];
                    let known = *self.types.get_or_insert(types);
                    ensure!(known == types, "two parts have different types");
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        self.import(import?, &mut numbers)?;
                    }
                }
                Payload::FunctionSection(section) => {
                    for kind in section {
                        self.functions.function(kind?);
                        self.function_count += 1;
                    }
                }
                Payload::ExportSection(section) => {
                    ensure!(section.count() == 0, "a part exports something");
                }
                Payload::ElementSection(section) => {
                    numbers.parse_element_section(&mut self.elements, section)?;
                }
                Payload::CodeSectionEntry(body) => {
                    numbers.parse_function_body(&mut self.code, body)?;
                }
                Payload::DataSection(section) => {
                    for data in section {
                        self.put(data?, &mut numbers)?;
                    }
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Name(names) => {
                        for name in names {
                            if let Name::Function(functions) = name? {
                                for name in functions {
                                    let name = name?;
                                    let index = numbers.function_index(name.index)?;
                                    self.names.append(index, name.name);
                                }
                            }
                        }
                    }
                    _ => {
                        let other = (section.name(), section.data());
                        if !self.others.contains(&other) {
                            self.others.push(other);
                        }
                    }
                },
                other => bail!("a part has {other:?}"),
            }
        }
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'a>, numbers: &mut Numbers) -> Result<()> {
        let known = self.imports.iter().position(|known| *known == import);
        let at = known.unwrap_or_else(|| {
            self.imports.push(import);
            self.imports.len() - 1
        });
        let same_kind = |other: &&wasmparser::Import<'_>| match import.ty {
            TypeRef::Global(_) => matches!(other.ty, TypeRef::Global(_)),
            TypeRef::Table(_) => matches!(other.ty, TypeRef::Table(_)),
            TypeRef::Memory(_) => matches!(other.ty, TypeRef::Memory(_)),
            _ => false,
        };
        let before = self.imports[..at].iter().filter(same_kind).count();
        match import.ty {
            TypeRef::Global(_) => numbers.globals.push(u32::try_from(before)?),
            // Both are called by their number 0 everywhere.
            TypeRef::Table(_) | TypeRef::Memory(_) => {
                ensure!(before == 0, "two parts have different memories or tables");
            }
            other => bail!("a part imports {other:?}"),
        }
        Ok(())
    }

    fn put(&mut self, data: Data<'_>, numbers: &mut Numbers) -> Result<()> {
        let active = matches!(data.kind, DataKind::Active { .. });
        ensure!(active, "a part has data that its code puts into memory");
        // The splitter leaves what is elsewhere with a length of nothing.
        if !data.data.is_empty() {
            numbers.parse_data(&mut self.data, data)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>> {
        let mut module = Module::new();
        if let Some(data) = self.types {
            module.section(&RawSection { id: 1, data });
        }
        let mut imports = ImportSection::new();
        let mut same = RoundtripReencoder;
        for import in self.imports {
            let kind = same.entity_type(import.ty)?;
            imports.import(import.module, import.name, kind);
        }
        module.section(&imports);
        module.section(&self.functions);
        module.section(&self.elements);
        module.section(&DataCountSection {
            count: self.data.len(),
        });
        module.section(&self.code);
        module.section(&self.data);
        if !self.names.is_empty() {
            let mut names = NameSection::new();
            names.functions(&self.names);
            module.section(&names);
        }
        for (name, data) in self.others {
            let (name, data) = (name.into(), data.into());
            module.section(&CustomSection { name, data });
        }
        Ok(module.finish())
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        ConstExpr, Elements, EntityType, ExportKind, ExportSection, Function, GlobalSection,
        GlobalType, MemorySection, MemoryType, RefType, TableSection, TableType, TypeSection,
        ValType,
    };
    use wasmi::{Engine, Linker, Store, TypedFunc, Val};

    use super::*;

    const MEMORY: MemoryType = MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    const TABLE: TableType = TableType {
        element_type: RefType::FUNCREF,
        minimum: 8,
        maximum: None,
        table64: false,
        shared: false,
    };
    const GLOBAL: GlobalType = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };

    fn types() -> TypeSection {
        let mut types = TypeSection::new();
        types.ty().function([], [ValType::I32]);
        types
    }

    /// A part whose second function stands in the table at `slot` and gives what its first gives, its global and the
    /// byte at `address`, which is `byte`.
    fn part(slot: i32, global: &str, number: i32, address: i32, byte: u8) -> Vec<u8> {
        let mut module = Module::new();
        module.section(&types());
        let mut imports = ImportSection::new();
        imports.import("split", global, EntityType::Global(GLOBAL));
        imports.import("split", "table", EntityType::Table(TABLE));
        imports.import("split", "memory", EntityType::Memory(MEMORY));
        module.section(&imports);
        let mut functions = FunctionSection::new();
        functions.function(0).function(0);
        module.section(&functions);
        module.section(&ExportSection::new());
        let mut elements = ElementSection::new();
        let at = ConstExpr::i32_const(slot);
        elements.active(Some(0), &at, Elements::Functions([1][..].into()));
        module.section(&elements);
        module.section(&DataCountSection { count: 2 });
        let mut code = CodeSection::new();
        let mut first = Function::new([]);
        first.instructions().i32_const(number).end();
        code.function(&first);
        let mut second = Function::new([]);
        let at = wasm_encoder::MemArg {
            offset: 0,
            align: 0,
            memory_index: 0,
        };
        let mut instructions = second.instructions();
        instructions.call(0).global_get(0).i32_add();
        instructions.i32_const(address).i32_load8_u(at).i32_add();
        instructions.end();
        code.function(&second);
        module.section(&code);
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(address), [byte]);
        data.active(0, &ConstExpr::i32_const(9), []);
        module.section(&data);
        let mut names = NameMap::new();
        names.append(1, "second");
        let mut section = NameSection::new();
        section.functions(&names);
        module.section(&section);
        module.finish()
    }

    /// What the functions at 2 and 5 of the table give once `part` stands.
    fn called(part: &[u8]) -> [i32; 2] {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let mut host = Module::new();
        let mut tables = TableSection::new();
        tables.table(TABLE);
        host.section(&tables);
        let mut memories = MemorySection::new();
        memories.memory(MEMORY);
        host.section(&memories);
        let mut globals = GlobalSection::new();
        globals.global(GLOBAL, &ConstExpr::i32_const(1_000));
        globals.global(GLOBAL, &ConstExpr::i32_const(2_000));
        host.section(&globals);
        let mut exports = ExportSection::new();
        exports.export("table", ExportKind::Table, 0);
        exports.export("memory", ExportKind::Memory, 0);
        exports.export("one", ExportKind::Global, 0);
        exports.export("other", ExportKind::Global, 1);
        host.section(&exports);
        let mut linker = Linker::new(&engine);
        let mut instance = |store: &mut Store<()>, wasm: &[u8]| {
            let module = wasmi::Module::new(&engine, wasm).expect("a module");
            let instance = linker.instantiate_and_start(&mut *store, &module);
            let instance = instance.expect("an instance");
            linker
                .instance(&mut *store, "split", instance)
                .expect("once");
            instance
        };
        let host = instance(&mut store, &host.finish());
        instance(&mut store, part);
        let table = host.get_table(&store, "table").expect("a table");
        [2, 5].map(|slot| {
            let Some(Val::FuncRef(function)) = table.get(&store, slot) else {
                panic!("no function at {slot}");
            };
            let function = function.val().expect("one").to_owned();
            let function: TypedFunc<(), i32> = function.typed(&store).expect("its type");
            function.call(&mut store, ()).expect("a number")
        })
    }

    #[test]
    fn two_parts_in_one_are_what_they_were() {
        let one = part(2, "one", 1, 16, 10);
        let other = part(5, "other", 2, 17, 20);
        let whole = united(&[&one, &other]).expect("one part");
        assert_eq!(called(&whole), [1_011, 2_022]);
        let names = Parser::new(0).parse_all(&whole).find_map(|payload| {
            let Ok(Payload::CustomSection(section)) = payload else {
                return None;
            };
            Some(section.data().to_vec())
        });
        let both = names.expect("names");
        assert_eq!(both.windows(6).filter(|text| text == b"second").count(), 2);
        assert!(united(&[&one, &one[..20]]).is_err(), "a broken one");
    }

    #[test]
    fn what_cannot_be_shared_is_refused() {
        let one = part(2, "one", 1, 16, 10);
        let mut other = Module::new();
        let mut types = types();
        types.ty().function([], []);
        other.section(&types);
        let error = united(&[&one, &other.finish()]).expect_err("other types");
        assert_eq!(error.to_string(), "two parts have different types");
        let mut other = Module::new();
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        other.section(&exports);
        assert!(united(&[&one, &other.finish()]).is_err());
    }

    #[test]
    fn parts_are_put_together_where_little_more_is_loaded() {
        let load = |bytes, pages| Load { bytes, pages };
        let groups = grouped(&[
            load(500, 0b011),
            load(90, 0b010),
            load(90_000, 0b001),
            load(80_000, 0b100),
            load(12, 0b101),
            load(9, 0b001),
        ]);
        let groups: Vec<_> = groups
            .into_iter()
            .map(|group| (group.members, group.pages))
            .collect();
        assert_eq!(
            groups,
            [
                (vec![0, 1], 0b011),
                (vec![2, 5], 0b001),
                (vec![3], 0b100),
                (vec![4], 0b101),
            ]
        );
    }
}
