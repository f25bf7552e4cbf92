//! A database in a file, which is deleted at the end.

use std::{
    env, fs,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

pub struct File(PathBuf);

impl File {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("example-api-{}-{count}.db", process::id());
        Self(env::temp_dir().join(name))
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Everything that is stored, as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let parts = self.parts().into_iter();
        parts
            .flat_map(|part| fs::read(part).unwrap_or_default())
            .collect()
    }

    fn parts(&self) -> [String; 3] {
        ["", "-wal", "-shm"].map(|end| format!("{}{end}", self.path()))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for part in self.parts() {
            let _ = fs::remove_file(part);
        }
    }
}
