//! Days, weeks and months as the reports spell them: short labels, weekdays, and whether a period is over.

use super::input::Language;

/// Whether a text is a local time: `08:05`, `2026-03-05 08:05:00`.
pub(super) fn is_time(text: &str) -> bool {
    let (day, time) = text.split_once([' ', 'T']).unwrap_or(("", text));
    let is_clock = time.len() >= 5 && time.is_char_boundary(5) && {
        let clock: Vec<char> = time.chars().take(5).collect();
        clock[2] == ':' && clock.iter().enumerate().all(|(at, c)| at == 2 || c.is_ascii_digit())
    };
    is_clock && (day.is_empty() || Period::parse(day).is_some())
}

/// A span of whole local days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub first: Date,
    pub last: Date,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    pub year: i64,
    pub month: i64,
    pub day: i64,
}

impl Period {
    /// `2026-03-05`, `20260305`, `20260302-20260308`, `202603` and `2026-03`; anything else is no period.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '-');
        match (digits.len(), text.len()) {
            (16, 17) if is_plain => {
                Some(Self { first: Date::digits(&digits[..8])?, last: Date::digits(&digits[8..])? })
            }
            (8, 8 | 10) if is_plain => Date::digits(&digits).map(|day| Self { first: day, last: day }),
            (6, 6 | 7) if is_plain => {
                let first = Date::digits(&format!("{digits}01"))?;
                Some(Self { first, last: Date { day: first.days_of_month(), ..first } })
            }
            _ => None,
        }
    }

    /// The whole week or month that a report names by its first day.
    pub(super) fn widened(self, grain: Option<&str>) -> Self {
        if self.first != self.last {
            return self;
        }
        match grain {
            Some("week") => Self { last: Date::from_number(self.first.number() + 6), ..self },
            Some("month") => Self { last: Date { day: self.first.days_of_month(), ..self.first }, ..self },
            _ => self,
        }
    }

    pub(super) fn is_month(self) -> bool {
        self.first.day == 1
            && self.last == Date { day: self.first.days_of_month(), ..self.first }
            && self.first != self.last
    }

    /// For an axis: `Mar 5`, `3月5日`; a month with its year.
    pub(super) fn short(self, language: Language) -> String {
        let Date { year, month, day } = self.first;
        match language {
            Language::Zh if self.is_month() => format!("{year}年{month}月"),
            Language::En if self.is_month() => format!("{} {year}", MONTHS[month as usize - 1]),
            Language::Zh => format!("{month}/{day}"),
            Language::En => format!("{} {day}", MONTHS[month as usize - 1]),
        }
    }

    /// For a table or a tooltip: the ISO spelling, a day with its weekday.
    pub(super) fn long(self, language: Language) -> String {
        if self.is_month() {
            return format!("{:04}-{:02}", self.first.year, self.first.month);
        }
        if self.first != self.last {
            return format!("{} – {}", self.first.iso(), self.last.iso());
        }
        let weekday = self.first.weekday();
        match language {
            Language::Zh => format!("{} 周{}", self.first.iso(), WEEKDAYS_ZH[weekday]),
            Language::En => format!("{} {}", self.first.iso(), WEEKDAYS[weekday]),
        }
    }
}

pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
pub(super) const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
pub(super) const WEEKDAYS_ZH: [&str; 7] = ["一", "二", "三", "四", "五", "六", "日"];

impl Date {
    fn digits(digits: &str) -> Option<Self> {
        let date = Self {
            year: digits[..4].parse().ok()?,
            month: digits[4..6].parse().ok()?,
            day: digits[6..8].parse().ok()?,
        };
        let is_day = (1900..2200).contains(&date.year)
            && (1..=12).contains(&date.month)
            && (1..=date.days_of_month()).contains(&date.day);
        is_day.then_some(date)
    }

    pub(super) fn iso(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    pub(super) fn days_of_month(self) -> i64 {
        match self.month {
            2 if self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Monday is 0.
    pub(super) fn weekday(self) -> usize {
        (self.number() + 3).rem_euclid(7) as usize
    }

    /// Days since 1970-01-01, counted in years that begin in March.
    pub(super) fn number(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    fn from_number(number: i64) -> Self {
        let shifted = number + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let month = (shifted_month + 2) % 12 + 1;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        Self { year: era * 400 + year + i64::from(month <= 2), month, day }
    }
}
