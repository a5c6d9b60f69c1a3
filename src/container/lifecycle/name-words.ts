/** Words of the names that containers get when nobody gives them one: how a glass garden may be, and people of science. */

export const ADJECTIVES: readonly string[] = (
  'airy amber ancient balmy blooming bright brisk budding buoyant calm chirping clear cloudy coastal cosy crisp curious damp ' +
  'dappled dewy drifting dusky earthy fertile flowering foggy fragrant fresh frosty gentle gleaming glowing golden grassy green ' +
  'growing hardy hazy hidden humid leafy lively lofty lunar lush marshy mellow merry mild misty mossy mellifluous nimble opal ' +
  'patient pearly placid polished quiet radiant rainy resting rippling rooted rustling sandy serene shady shining silent silky ' +
  'silver snowy soaring solar sprouting steady sunlit sunny swaying tangled tender thriving tidal tranquil twilit velvet verdant ' +
  'vivid wandering warm watchful waxen whispering wild windy winding wooded woven'
).split(' ');

export const SURNAMES: readonly string[] = (
  'abel agnesi alhazen ampere anning archimedes avogadro babbage banks bassi bell bernoulli bohr boole boyle brahe braun ' +
  'burnell cannon cantor carson cavendish celsius chandrasekhar clarke copernicus coulomb curie cuvier dalton darwin davy ' +
  'descartes dijkstra dirac doppler einstein erdos euclid euler faraday fermat fermi feynman fibonacci fleming foucault ' +
  'franklin fraunhofer galilei galois galvani gauss germain goodall haber haldane halley hamilton heisenberg herschel hertz ' +
  'hilbert hodgkin hooke hopper hubble humboldt huygens hypatia johnson joule kepler kirchhoff koch kovalevskaya lagrange ' +
  'lamarr laplace lavoisier leavitt leibniz linnaeus lovelace mach maxwell mayer mcclintock meitner mendel mendeleev merian ' +
  'mirzakhani mitchell napier newton noether ohm pascal pasteur pauli perlman planck poincare ptolemy ramanujan riemann ' +
  'roentgen rubin rutherford sagan schrodinger shannon somerville tesla tharp turing vera volta wallace watt wu yonath zeno'
).split(' ');
