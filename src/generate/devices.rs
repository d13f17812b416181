//! The phones, and the networks they are on.

/// A phone with a version of its system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device {
    weight: u32,
    pub(super) platform: &'static str,
    pub(super) brand: &'static str,
    pub(super) model: &'static str,
    pub(super) os: &'static str,
}

const fn device(
    weight: u32,
    platform: &'static str,
    brand: &'static str,
    model: &'static str,
    os: &'static str,
) -> Device {
    Device { weight, platform, brand, model, os }
}

pub(super) const DEVICES: [Device; 32] = [
    device(60, "ios", "iPhone", "iPhone 15 Pro Max", "iOS 18.3"),
    device(52, "ios", "iPhone", "iPhone 15", "iOS 18.3"),
    device(48, "ios", "iPhone", "iPhone 14", "iOS 17.6"),
    device(46, "ios", "iPhone", "iPhone 13", "iOS 17.6"),
    device(40, "ios", "iPhone", "iPhone 16 Pro", "iOS 18.3"),
    device(34, "ios", "iPhone", "iPhone 12", "iOS 16.7"),
    device(30, "ios", "iPhone", "iPhone 11", "iOS 16.7"),
    device(18, "ios", "iPhone", "iPhone XR", "iOS 15.8"),
    device(12, "ios", "iPhone", "iPhone SE", "iOS 15.8"),
    device(46, "android", "HUAWEI", "Mate 60 Pro", "HarmonyOS 4.2"),
    device(40, "android", "HUAWEI", "P60", "HarmonyOS 4.2"),
    device(36, "android", "HUAWEI", "nova 12", "HarmonyOS 4.0"),
    device(30, "android", "HUAWEI", "Mate 40 Pro", "HarmonyOS 4.0"),
    device(42, "android", "Xiaomi", "Xiaomi 14", "Android 14"),
    device(34, "android", "Xiaomi", "Redmi K70", "Android 14"),
    device(32, "android", "Xiaomi", "Redmi Note 13", "Android 13"),
    device(20, "android", "Xiaomi", "Redmi Note 9", "Android 11"),
    device(38, "android", "OPPO", "Reno 11", "Android 14"),
    device(30, "android", "OPPO", "Find X7", "Android 14"),
    device(26, "android", "OPPO", "A2 Pro", "Android 13"),
    device(36, "android", "vivo", "X100", "Android 14"),
    device(32, "android", "vivo", "S18", "Android 14"),
    device(28, "android", "vivo", "Y100", "Android 13"),
    device(34, "android", "HONOR", "Magic6", "Android 14"),
    device(30, "android", "HONOR", "HONOR 90", "Android 13"),
    device(22, "android", "HONOR", "X50", "Android 13"),
    device(12, "android", "samsung", "Galaxy S24", "Android 14"),
    device(10, "android", "OnePlus", "OnePlus 12", "Android 14"),
    device(8, "android", "realme", "GT5", "Android 13"),
    device(14, "ohos", "HUAWEI", "Mate 70 Pro", "HarmonyOS 5.0"),
    device(10, "windows", "microsoft", "microsoft", "Windows 10 x64"),
    device(4, "mac", "apple", "MacBookPro", "Mac OS X 15.3"),
];

pub(super) const NETWORKS: [&str; 4] = ["wifi", "5g", "4g", "unknown"];

pub(super) fn weights() -> impl Iterator<Item = u32> + Clone {
    DEVICES.iter().map(|device| device.weight)
}
