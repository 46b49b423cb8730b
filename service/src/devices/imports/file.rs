//! Reading a file of devices as spreadsheets save it: with or without a header, with commas, semicolons
//! or tabs, in UTF-8, UTF-16 or the Korean code page. Whatever is wrong with one line is said of that line.

use std::collections::{BTreeMap, HashSet};

use domain::{
    AppError, DeviceId,
    device::DeviceKind,
    import::{ImportColumn, MOST_LINES},
};
use serde_json::Value;

use crate::devices::NewDevice;

/// Characters of a cell that are kept.
const MAX_CELL_CHARS: usize = 1_000;

/// A line of the file.
#[derive(Debug)]
pub(super) struct Line {
    /// From 1, as spreadsheets count.
    pub(super) number: i32,
    pub(super) wish: Wish,
    /// Which column is wrong, and the key of the sentence that says why.
    pub(super) refused: Option<(Option<ImportColumn>, &'static str)>,
}

/// What stands in a line, by column.
#[derive(Debug, Default)]
pub(super) struct Wish(BTreeMap<ImportColumn, String>);

impl Wish {
    pub(super) fn cell(&self, column: ImportColumn) -> &str {
        self.0.get(&column).map_or("", String::as_str)
    }

    fn given(&self, column: ImportColumn) -> Option<&str> {
        Some(self.cell(column)).filter(|text| !text.is_empty())
    }

    pub(super) fn to_json(&self) -> Value {
        let cells = self.0.iter();
        cells
            .map(|(column, text)| (column.as_str().to_owned(), Value::from(text.as_str())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    pub(super) fn from_json(json: &Value) -> Self {
        let cells = json.as_object().into_iter().flatten();
        Self(
            cells
                .filter_map(|(name, text)| {
                    Some((ImportColumn::parse(name)?, text.as_str()?.to_owned()))
                })
                .collect(),
        )
    }

    /// The device that is wished for; what is left out is as for one device.
    pub(super) fn device(&self) -> Result<NewDevice, AppError> {
        let uuid = match self.given(ImportColumn::Uuid) {
            None => None,
            Some(text) => Some(
                text.parse::<DeviceId>()
                    .map_err(|_| AppError::invalid("uuid", "uuid"))?,
            ),
        };
        let version = self.given(ImportColumn::HardwareVersion);
        let kind = match self.given(ImportColumn::Kind) {
            Some(name) => DeviceKind::parse(&name.to_lowercase())
                .ok_or_else(|| AppError::invalid("kind", "device_kind"))?,
            None if version == Some("pc") => DeviceKind::Computer,
            None => DeviceKind::Board,
        };
        let usual = match kind {
            DeviceKind::Computer => "pc",
            DeviceKind::Board => "5",
        };
        let components = self
            .cell(ImportColumn::Components)
            .split([',', ';', '|', ' '])
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| {
                name.parse()
                    .map_err(|_| AppError::invalid("components", "unknown_component_type"))
            })
            .collect::<Result<_, _>>()?;
        Ok(NewDevice {
            cpu_serial: self.cell(ImportColumn::CpuSerial).to_owned(),
            uuid,
            kind,
            hardware_version: version.unwrap_or(usual).to_owned(),
            hardware_variant: self
                .given(ImportColumn::HardwareVariant)
                .unwrap_or("Standard")
                .to_owned(),
            name: self.given(ImportColumn::Name).map(str::to_owned),
            components,
        })
    }
}

/// The lines of a file; it is refused as a whole where it holds none, too many, or is no text.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Line>, AppError> {
    let text = decoded(bytes)?;
    let (mut text, mut skipped) = (text.as_str(), 0);
    let mut delimiter = None;
    // Excel's own way to say what parts the cells.
    if let Some(rest) = text.strip_prefix("sep=")
        && let Some(&part) = rest.as_bytes().first()
        && part.is_ascii()
    {
        delimiter = Some(part);
        let end = text.find(['\r', '\n']).unwrap_or(text.len());
        let rest = &text[end..];
        let below = rest.strip_prefix("\r\n").or_else(|| rest.get(1..));
        text = below.unwrap_or_default();
        skipped = 1;
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter.unwrap_or_else(|| parting(text)))
        .from_reader(text.as_bytes());
    let mut columns: Option<Vec<Option<ImportColumn>>> = None;
    let mut seen: HashSet<String> = HashSet::new();
    let mut lines = Vec::new();
    let mut counted = Counted {
        text,
        byte: 0,
        line: 1,
    };
    for record in reader.records() {
        let record = record.map_err(|_| AppError::invalid("file", "csv_unreadable"))?;
        if record.iter().all(str::is_empty) {
            continue;
        }
        let columns = match &columns {
            Some(columns) => columns,
            None => {
                let header = header(&record)?;
                let first_is_header = header.is_some();
                let known =
                    header.unwrap_or_else(|| ImportColumn::ORDER.into_iter().map(Some).collect());
                let columns = columns.insert(known);
                if first_is_header {
                    continue;
                }
                columns
            }
        };
        if lines.len() == MOST_LINES {
            return Err(AppError::invalid("file", "csv_too_many"));
        }
        let number = counted.line_of(&record) + skipped;
        let mut wish = Wish::default();
        let mut refused = None;
        for (at, cell) in record.iter().enumerate() {
            match columns.get(at) {
                Some(Some(column)) if !cell.is_empty() => {
                    // A quotation mark that nothing closes takes the lines below it into its cell.
                    if cell.contains(['\r', '\n']) && refused.is_none() {
                        refused = Some((Some(*column), "csv_line_break"));
                    }
                    let kept = cell.chars().take(MAX_CELL_CHARS).collect();
                    wish.0.insert(*column, kept);
                }
                None if !cell.is_empty() && refused.is_none() => {
                    refused = Some((None, "csv_cells"));
                }
                _ => {}
            }
        }
        let serial = wish.cell(ImportColumn::CpuSerial);
        if refused.is_none() {
            let column = Some(ImportColumn::CpuSerial);
            if serial.is_empty() {
                refused = Some((column, "required"));
            } else if !seen.insert(serial.to_owned()) {
                refused = Some((column, "serial_repeated"));
            }
        }
        lines.push(Line {
            number: i32::try_from(number).map_err(crate::internal)?,
            wish,
            refused,
        });
    }
    match lines.is_empty() {
        true => Err(AppError::invalid("file", "csv_empty")),
        false => Ok(lines),
    }
}

/// Where reading is. A CRLF, a lone CR and a lone LF each end a line, as they end a record for the reader, whose own
/// count knows LF only.
struct Counted<'a> {
    text: &'a str,
    byte: usize,
    line: usize,
}

impl Counted<'_> {
    /// In which line a record begins, from 1; records are asked for in their order.
    fn line_of(&mut self, record: &csv::StringRecord) -> usize {
        let begins = record.position().map_or(0, csv::Position::byte);
        let begins = usize::try_from(begins).unwrap_or(usize::MAX);
        let bytes = self.text.as_bytes();
        let rest = bytes.get(begins..).unwrap_or_default();
        let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let begins = begins.min(bytes.len()) + ends.count();
        let passed = self.text.get(self.byte..begins).unwrap_or_default();
        // Nothing that was passed ends between a CR and its LF: each CRLF is counted once.
        self.line += passed.matches(['\r', '\n']).count() - passed.matches("\r\n").count();
        self.byte = begins;
        self.line
    }
}

/// The columns that a first line names; `None` where it is no header but the first device.
fn header(record: &csv::StringRecord) -> Result<Option<Vec<Option<ImportColumn>>>, AppError> {
    let columns: Vec<_> = record.iter().map(named).collect();
    if columns.iter().all(Option::is_none) {
        return Ok(None);
    }
    let unknown = record
        .iter()
        .zip(&columns)
        .any(|(name, column)| column.is_none() && !name.is_empty());
    if unknown {
        return Err(AppError::invalid("file", "csv_unknown_column"));
    }
    let mut named: Vec<_> = columns.iter().flatten().collect();
    let count = named.len();
    named.sort_unstable();
    named.dedup();
    if named.len() < count || !named.contains(&&ImportColumn::CpuSerial) {
        return Err(AppError::invalid("file", "csv_columns"));
    }
    Ok(Some(columns))
}

/// The column of a heading, in either language.
fn named(heading: &str) -> Option<ImportColumn> {
    let plain: String = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect();
    Some(match plain.as_str() {
        "serial" | "cpuserial" | "serialnumber" | "일련번호" | "시리얼" | "시리얼번호" => {
            ImportColumn::CpuSerial
        }
        "uuid" | "deviceuuid" | "deviceid" => ImportColumn::Uuid,
        "hardware" | "version" | "hardwareversion" | "하드웨어" | "버전" | "하드웨어버전" => {
            ImportColumn::HardwareVersion
        }
        "variant" | "hardwarevariant" | "변형" | "모델" | "하드웨어변형" => {
            ImportColumn::HardwareVariant
        }
        "name" | "devicename" | "이름" | "장치이름" | "기기이름" => ImportColumn::Name,
        "components" | "component" | "parts" | "부품" | "구성" | "구성요소" | "컴포넌트" => {
            ImportColumn::Components
        }
        "kind" | "type" | "종류" => ImportColumn::Kind,
        _ => return None,
    })
}

/// What parts the cells of the first line, outside quotes.
fn parting(text: &str) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in text.trim_start().bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some((_, count)) = counts.iter_mut().find(|(part, _)| *part == byte) {
                    *count += 1;
                }
            }
        }
    }
    let [first, rest @ ..] = counts;
    rest.into_iter()
        .fold(
            first,
            |best, next| if next.1 > best.1 { next } else { best },
        )
        .0
}

/// UTF-8 or UTF-16 where a mark or the bytes say so; otherwise the code page in which Korean spreadsheets
/// save.
fn decoded(bytes: &[u8]) -> Result<String, AppError> {
    let unreadable = || AppError::invalid("file", "csv_unreadable");
    let text = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, mark)) => encoding
            .decode_without_bom_handling_and_without_replacement(&bytes[mark..])
            .ok_or_else(unreadable)?
            .into_owned(),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => encoding_rs::EUC_KR
                .decode_without_bom_handling_and_without_replacement(bytes)
                .ok_or_else(unreadable)?
                .into_owned(),
        },
    };
    match text.contains('\0') {
        true => Err(unreadable()),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &Line) -> Vec<&str> {
        ImportColumn::ORDER
            .map(|column| line.wish.cell(column))
            .to_vec()
    }

    fn refusal(bytes: &[u8]) -> String {
        match read(bytes) {
            Err(AppError::Invalid { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_quotation_mark_that_nothing_closes_is_said_where_it_opens() {
        let lines = read(b"A1,,5,Pro,\"Fan\r\nA2\r\nA3\r\n").unwrap();
        assert_eq!(lines.len(), 1);
        let refused = Some((Some(ImportColumn::Name), "csv_line_break"));
        assert_eq!((lines[0].number, lines[0].refused), (1, refused));
    }

    #[test]
    fn a_file_without_a_header_is_read_in_order() {
        let lines = read(b"A1,,5,Pro,\"Fan, left\",\"led,dht22\"\r\n\r\nA2\r\n").unwrap();
        assert_eq!(
            cells(&lines[0]),
            ["A1", "", "5", "Pro", "Fan, left", "led,dht22"]
        );
        assert_eq!((lines[1].number, cells(&lines[1])[0]), (3, "A2"));
        let device = lines[0].wish.device().unwrap();
        assert_eq!(device.components.len(), 2);
        assert_eq!(
            (device.kind, device.hardware_version.as_str()),
            (DeviceKind::Board, "5")
        );
    }

    #[test]
    fn what_spreadsheets_save_is_read() {
        let text = "이름;일련번호;종류\r\n\"창가; 왼쪽\";B-1;computer\r\n";
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let (korean, _, _) = encoding_rs::EUC_KR.encode(text);
        let marked = format!("\u{feff}{text}");
        let tabs = text
            .replace("; ", "? ")
            .replace(';', "\t")
            .replace('?', ";");
        let told = format!("sep=;\r\n{text}");
        for bytes in [
            utf16.as_slice(),
            korean.as_ref(),
            marked.as_bytes(),
            tabs.as_bytes(),
            told.as_bytes(),
        ] {
            let lines = read(bytes).unwrap();
            assert_eq!(lines.len(), 1);
            assert_eq!(cells(&lines[0])[0], "B-1");
            assert_eq!(cells(&lines[0])[4], "창가; 왼쪽");
            assert_eq!(lines[0].wish.device().unwrap().hardware_version, "pc");
        }
        assert_eq!(read(told.as_bytes()).unwrap()[0].number, 3);
    }

    fn numbers(text: &str) -> Vec<(i32, String)> {
        let lines = read(text.as_bytes()).unwrap();
        let serial = |line: &Line| line.wish.cell(ImportColumn::CpuSerial).to_owned();
        let numbers = lines.iter().map(|line| (line.number, serial(line)));
        numbers.collect()
    }

    #[test]
    fn lines_are_counted_however_they_end() {
        let two = |first: i32, second: i32| {
            let serials = ["CR-1", "CR-2"].map(str::to_owned);
            [first, second].into_iter().zip(serials).collect::<Vec<_>>()
        };
        for (text, expected) in [
            ("serial,name\rCR-1,x\rCR-2,y\r", two(2, 3)),
            ("serial,name\nCR-1,x\nCR-2,y\n", two(2, 3)),
            ("serial,name\r\nCR-1,x\r\nCR-2,y\r\n", two(2, 3)),
            ("serial,name\r\nCR-1,x\rCR-2,y\n", two(2, 3)),
            ("serial,name\nCR-1,x\r\nCR-2,y", two(2, 3)),
            // What is empty between them counts too.
            ("serial,name\r\rCR-1,x\n\r\nCR-2,y\r", two(3, 5)),
            ("serial,name\r\n\r\n,\r\nCR-1,x\r\n\n\rCR-2,y", two(4, 7)),
            // So do the line ends inside a cell; the number is that of where the record begins.
            ("serial,name\rCR-1,\"x\ry\"\rCR-2,y\r", two(2, 4)),
            ("serial,name\r\nCR-1,\"x\r\ny\nz\"\r\nCR-2,y\r\n", two(2, 5)),
            // A semicolon below the first line is not what parts the cells.
            ("serial,name\rCR-1,a;b;c;d;e\rCR-2,y\r", two(2, 3)),
            ("sep=;\rserial;name\rCR-1;x\rCR-2;y\r", two(3, 4)),
            ("sep=;\rserial;name\nCR-1;x\nCR-2;y\n", two(3, 4)),
        ] {
            assert_eq!(numbers(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_end_that_falls_into_two_reads_is_one() {
        // The reader's buffer: 8 KiB.
        for first in 8_185..8_200 {
            let long = format!("CR-0,{}", "x".repeat(first - "CR-0,".len()));
            for end in ["\r\n", "\r", "\n"] {
                let text = [long.as_str(), "CR-1,x", "", "CR-2,y", ""].join(end);
                let read = numbers(&text).into_iter();
                let found: Vec<_> = read.map(|(number, _)| number).collect();
                assert_eq!(found, [1, 2, 4], "{end:?} at {first}");
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_of_it() {
        let lines = read(b"name,serial\nA,S1\nB,\nC,S1\nD,S2,more\nE,S3\n").unwrap();
        let serial = Some(ImportColumn::CpuSerial);
        let refused: Vec<_> = lines
            .iter()
            .map(|line| (line.number, line.refused))
            .collect();
        assert_eq!(
            refused,
            [
                (2, None),
                (3, Some((serial, "required"))),
                (4, Some((serial, "serial_repeated"))),
                (5, Some((None, "csv_cells"))),
                (6, None),
            ]
        );
    }

    #[test]
    fn a_file_that_is_none_is_refused_whole() {
        assert_eq!(refusal(b""), "csv_empty");
        assert_eq!(refusal(b"serial,name\n"), "csv_empty");
        assert_eq!(refusal(b"serial,colour\nA,red\n"), "csv_unknown_column");
        assert_eq!(refusal(b"name,kind\nA,board\n"), "csv_columns");
        assert_eq!(refusal(b"serial,serial\nA,B\n"), "csv_columns");
        assert_eq!(refusal(b"PK\x03\x04\x00\x00\x00"), "csv_unreadable");
        let many: Vec<_> = (0..=MOST_LINES).map(|n| format!("S{n}")).collect();
        let many = many.join("\n");
        assert_eq!(refusal(many.as_bytes()), "csv_too_many");
        let (most, _) = many.trim_end().rsplit_once('\n').unwrap();
        assert_eq!(read(most.as_bytes()).unwrap().len(), MOST_LINES);
    }

    #[test]
    fn what_cannot_be_a_device_names_its_column() {
        for (line, field, message) in [
            ("A,not-a-uuid", "uuid", "uuid"),
            ("A,,,,,Not_A_Type", "components", "unknown_component_type"),
        ] {
            let lines = read(line.as_bytes()).unwrap();
            let error = lines[0].wish.device().unwrap_err();
            assert_eq!(error, AppError::invalid(field, message), "{line}");
        }
    }
}
