using ControlCenter.TestSupport;

[assembly: AssemblyFixture(typeof(TestClusterLifetime))]
